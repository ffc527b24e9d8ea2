"""What an optimizer remembers comes back from a checkpoint, and only where it fits."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from tests.tiny import tiny_config
from trashseg_core.config import TrialConfig
from trashseg_core.optim import build_optimizer
from trashseg_core.training.saved_state import load_optimizer

OPTIMIZERS = ("madgrad", "adamw", "sgd", "lion")


def stepped(config: TrialConfig, steps: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A small model after some steps with its optimizer."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    optimizer = build_optimizer(config, model)
    go_on(model, optimizer, steps)
    return model, optimizer


def go_on(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.full((2, 3, 2, 2), 1.0 + step)).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("momentum", (0.0, 0.9))
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_next_steps_are_those_of_an_optimizer_that_never_stopped(name: Any, momentum: float) -> None:
    config = tiny_config(optimizer=name, momentum=momentum)
    model, optimizer = stepped(config, 3)
    other = copy.deepcopy(model)
    resumed = build_optimizer(config, other)
    load_optimizer(config, resumed, copy.deepcopy(optimizer.state_dict()))
    go_on(model, optimizer, 2)
    go_on(other, resumed, 2)
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), other.parameters(), strict=True))


def test_learning_rates_are_those_of_the_config_and_not_of_the_file() -> None:
    config = tiny_config()
    _, optimizer = stepped(config, 1)
    saved = copy.deepcopy(optimizer.state_dict())
    saved["param_groups"][0]["betas"] = "odd"
    model, fresh = stepped(config, 0)
    load_optimizer(config, fresh, saved)
    assert fresh.param_groups[0]["betas"] == optimizer.param_groups[0]["betas"]


def cut(saved: dict[str, Any]) -> None:
    saved["state"][0]["exp_avg"] = torch.zeros(7)


def forget(saved: dict[str, Any]) -> None:
    del saved["state"][0]["exp_avg"]


def spoil(saved: dict[str, Any]) -> None:
    saved["state"][0]["exp_avg"].fill_(torch.nan)


def regroup(saved: dict[str, Any]) -> None:
    saved["param_groups"].pop()


@pytest.mark.parametrize("damage", (cut, forget, spoil, regroup))
def test_a_memory_that_does_not_fit_is_refused(damage: Callable[[dict[str, Any]], None]) -> None:
    config = tiny_config()
    _, optimizer = stepped(config, 1)
    saved = copy.deepcopy(optimizer.state_dict())
    damage(saved)
    with pytest.raises(ValueError, match="weight"):
        load_optimizer(config, optimizer, saved)
