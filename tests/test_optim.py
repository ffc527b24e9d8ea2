"""Weights move as the schedule, the decay groups and the moving average say."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from tests.tiny import tiny_config
from trashseg_core.optim import MIN_LR_FACTOR, build_ema, build_optimizer, lr_factor, set_lr

OPTIMIZERS = ("madgrad", "adamw", "sgd")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def test_warm_up_rises_linearly_to_the_peak() -> None:
    assert [lr_factor(progress, 0.2) for progress in (0.05, 0.1, 0.15, 0.2)] == pytest.approx([0.25, 0.5, 0.75, 1])


def test_warm_up_never_starts_at_zero() -> None:
    assert lr_factor(0.0, 0.2) == MIN_LR_FACTOR


def test_after_the_warm_up_half_a_cosine_falls_to_the_least_factor() -> None:
    assert lr_factor(0.6, 0.2) == pytest.approx((1 + MIN_LR_FACTOR) / 2)
    assert lr_factor(1 - 1e-9, 0.2) == pytest.approx(MIN_LR_FACTOR)
    quarter = MIN_LR_FACTOR + (1 - MIN_LR_FACTOR) * 0.5 * (1 + math.cos(math.pi / 4))
    assert lr_factor(0.4, 0.2) == pytest.approx(quarter)


def test_without_warm_up_the_schedule_starts_at_the_peak() -> None:
    assert lr_factor(0.0, 0.0) == 1


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.9])
def test_the_factor_is_in_its_range_and_has_no_jump(warmup: float) -> None:
    values = [lr_factor(step / 1000, warmup) for step in range(1000)]
    assert MIN_LR_FACTOR <= min(values) <= max(values) <= 1
    assert max(abs(later - sooner) for sooner, later in zip(values[20:], values[21:], strict=False)) < 0.02


def test_set_lr_reaches_every_group() -> None:
    optimizer = build_optimizer(tiny_config(), network())
    set_lr(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.5]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_spares_norms_and_biases(name: str) -> None:
    optimizer = build_optimizer(tiny_config(optimizer=name, weight_decay=0.3), network())
    by_decay: dict[float, list[int]] = {group["weight_decay"]: [] for group in optimizer.param_groups}
    for group in optimizer.param_groups:
        by_decay[group["weight_decay"]] += [parameter.ndim for parameter in group["params"]]
    assert by_decay == {0.3: [4, 4], 0.0: [1, 1, 1, 1]}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_lowers_a_loss(name: str) -> None:
    model = network()
    optimizer = build_optimizer(tiny_config(optimizer=name, lr=1e-2), model)
    images, losses = torch.randn(4, 3, 8, 8), []
    for _ in range(20):
        optimizer.zero_grad()
        loss = ((model(images) - 1) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("name", "field", "value"), [("sgd", "momentum", 0.7), ("madgrad", "momentum", 0.7), ("adamw", "lr", 0.02)]
)
def test_an_optimizer_gets_the_values_of_the_config(name: str, field: str, value: float) -> None:
    fields: dict[str, Any] = {"optimizer": name, field: value}
    assert {group[field] for group in build_optimizer(tiny_config(**fields), network()).param_groups} == {value}


def test_sgd_without_momentum_is_possible() -> None:
    assert build_optimizer(tiny_config(optimizer="sgd", momentum=0), network()).param_groups[0]["nesterov"] is False


def test_a_decay_of_0_means_no_average() -> None:
    assert build_ema(tiny_config(ema_decay=0), network()) is None


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_average_equals_the_plain_formula_for_weights_and_batch_norm_statistics(decay: float) -> None:
    model = network()
    ema = build_ema(tiny_config(ema_decay=decay), model)
    assert ema is not None
    expected: dict[str, torch.Tensor] = {}
    for step in range(8):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        model(torch.randn(4, 3, 8, 8))
        ema.update_parameters(model)
        share = min(decay, (1 + step) / (10 + step)) if step else 0.0
        for key, value in model.state_dict().items():
            old = expected.get(key, value).double()
            expected[key] = share * old + (1 - share) * value.double() if value.is_floating_point() else value.clone()
    averaged = ema.module.state_dict()
    assert "1.running_var" in averaged and "1.num_batches_tracked" in averaged
    for key, value in expected.items():
        torch.testing.assert_close(averaged[key].double(), value.double(), rtol=1e-5, atol=1e-6)


def test_the_average_leaves_the_model_alone() -> None:
    model = network()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    ema = build_ema(tiny_config(), model)
    assert ema is not None
    ema.update_parameters(model)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_the_encoder_learns_at_its_share_of_the_rate() -> None:
    """The groups of a model with an encoder carry the ratio through every step of the schedule."""
    model = nn.ModuleDict({"encoder": nn.Conv2d(1, 2, 3), "decoder": nn.Conv2d(2, 2, 3)})
    optimizer = build_optimizer(tiny_config(lr=0.01, encoder_lr_ratio=0.2), model)
    set_lr(optimizer, 0.005)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert [rates[id(p)] for p in model["encoder"].parameters()] == pytest.approx([0.001, 0.001])
    assert [rates[id(p)] for p in model["decoder"].parameters()] == pytest.approx([0.005, 0.005])
