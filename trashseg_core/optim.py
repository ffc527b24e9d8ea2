"""How weights move: optimizer, learning-rate schedule, moving average."""

import math

import torch
from madgrad import MADGRAD
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from trashseg_core.config import TrialConfig

MIN_LR_FACTOR = 0.01
Tensors = tuple[Tensor, ...] | list[Tensor]


def build_optimizer(config: TrialConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Create the optimizer at the peak learning rate.

    Weight decay spares norms and biases (vectors). Each group carries its `lr_ratio`, which `set_lr` applies.
    """
    members: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            members.setdefault((".encoder." in f".{name}", parameter.ndim > 1), []).append(parameter)
    groups = []
    for (is_encoder, is_decayed), parameters in members.items():
        ratio = config.encoder_lr_ratio if is_encoder else 1.0
        decay = config.weight_decay if is_decayed else 0.0
        groups.append({"params": parameters, "lr": config.lr * ratio, "lr_ratio": ratio, "weight_decay": decay})
    match config.optimizer:
        case "madgrad":
            return MADGRAD(groups, lr=config.lr, momentum=config.momentum)
        case "adamw":
            return torch.optim.AdamW(groups, lr=config.lr, fused=True)
        case "sgd":
            return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=config.momentum > 0)


def lr_factor(progress: float, warmup: float) -> float:
    """Learning rate relative to its peak: linear warm-up, then half a cosine (Loshchilov & Hutter, arXiv 1608.03983).

    Args:
        progress: share of the full training that is done, in [0, 1).
        warmup: share that the warm-up takes, in [0, 1).

    Returns:
        A factor in [MIN_LR_FACTOR, 1].
    """
    if progress < warmup:
        return max(MIN_LR_FACTOR, progress / warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
    return MIN_LR_FACTOR + (1 - MIN_LR_FACTOR) * cosine


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter group, times the group's own ratio."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_ratio"]


def build_ema(config: TrialConfig, model: nn.Module) -> AveragedModel | None:
    """Create the exponential moving average of weights and BatchNorm statistics, or None where it is off.

    The decay is min(ema_decay, (1 + t) / (10 + t)) at step t, so that short trainings are averaged too
    (TensorFlow's ExponentialMovingAverage).
    """
    if config.ema_decay == 0:
        return None

    def average(ema: Tensors, values: Tensors, steps: Tensor | int) -> None:
        if not ema[0].is_floating_point():
            torch._foreach_copy_(ema, values)
            return
        step = float(steps)
        torch._foreach_lerp_(ema, values, 1 - min(config.ema_decay, (1 + step) / (10 + step)))

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)
