"""What an optimizer remembers, brought back from a checkpoint after it was held against what that optimizer keeps."""

from typing import Any

import torch
from torch import Tensor, nn

from trashseg_core.config import TrialConfig
from trashseg_core.optim import build_optimizer


def load_optimizer(config: TrialConfig, optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Give an optimizer what it remembered of each weight; learning rates and the like stay as the config has them.

    Args:
        saved: `state_dict` of an optimizer of the same config over the same weights.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it does not fit.
    """
    groups = optimizer.state_dict()["param_groups"]
    numbers = [[int(number) for number in group["params"]] for group in saved["param_groups"]]
    if numbers != [group["params"] for group in groups]:
        raise ValueError("other groups of weights")
    wanted = _layout(config)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for number, values in saved["state"].items():
        if number not in range(len(weights)):
            continue  # what is about all weights together, as MADGRAD's number of steps
        if {name: _kind(value, weights[number]) for name, value in values.items()} != wanted:
            raise ValueError(f"another kind of memory of weight {number}")
        if not all(value.isfinite().all() for value in values.values() if isinstance(value, Tensor)):
            raise ValueError(f"the memory of weight {number} is not finite")
    optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})


def _layout(config: TrialConfig) -> dict[str, str]:
    """What the optimizer of a config keeps of a weight after a step, by name."""
    probe = nn.Linear(2, 2, bias=False)
    optimizer = build_optimizer(config, probe)
    probe.weight.grad = torch.zeros_like(probe.weight)
    optimizer.step()
    return {name: _kind(value, probe.weight) for name, value in optimizer.state[probe.weight].items()}


def _kind(value: Any, weight: Tensor) -> str:
    """Type of a remembered value: the same for all weights that one optimizer moves."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{value.dtype} {'like the weight' if value.shape == weight.shape else tuple(value.shape)}"
