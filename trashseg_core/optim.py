"""How weights move: optimizer and moving average."""

import torch
from timm.optim import Lion
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from trashseg_core.config import TrialConfig
from trashseg_core.training.madgrad_foreach import Madgrad

Tensors = tuple[Tensor, ...] | list[Tensor]


def build_optimizer(config: TrialConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Create the optimizer at the peak learning rate.

    Weight decay spares norms and biases (vectors). Each group carries its `lr_ratio`, which `set_lr` applies:
    `encoder_lr_ratio` times `encoder_layer_decay` per stage before the encoder's last one, 1 for decoder and head.
    """
    members: dict[tuple[float, bool], list[nn.Parameter]] = {}
    ratios = encoder_ratios(config, [name for name, _ in model.named_parameters()])
    for name, parameter in model.named_parameters():
        members.setdefault((ratios.get(name, 1.0), parameter.ndim > 1), []).append(parameter)
    groups = []
    for (ratio, is_decayed), parameters in members.items():
        decay = config.weight_decay if is_decayed else 0.0
        groups.append({"params": parameters, "lr": config.lr * ratio, "lr_ratio": ratio, "weight_decay": decay})
    match config.optimizer:
        case "madgrad":
            return Madgrad(groups, lr=config.lr, momentum=config.momentum)
        case "adamw":
            return torch.optim.AdamW(groups, lr=config.lr, fused=True)
        case "sgd":
            return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=config.momentum > 0)
        case "lion":
            return Lion(groups, lr=config.lr)
    raise AssertionError(config.optimizer)


def encoder_ratios(config: TrialConfig, names: list[str]) -> dict[str, float]:
    """Learning rate of the encoder's weights relative to `lr`.

    Args:
        names: all weights' names, in the order of the model.

    Returns:
        A ratio for each weight of the encoder, by name. The encoder's stages are its numbered parts in the order of the
        model, and what stands between them.
    """
    stages: dict[str, int] = {}
    for name in names:
        if ".encoder." in f".{name}":
            stages.setdefault(_stage(name), len(stages))
    last = len(stages) - 1
    return {
        name: config.encoder_lr_ratio * config.encoder_layer_decay ** (last - stages[_stage(name)])
        for name in names
        if ".encoder." in f".{name}"
    }


def _stage(name: str) -> str:
    """The part of the encoder that a weight belongs to: its path down to the first number, or its first part."""
    path = f".{name}".split(".encoder.", 1)[1].removeprefix("model.").split(".")
    first = next((place for place, part in enumerate(path[:-1]) if part.isdigit()), 0)
    return ".".join(path[: first + 1])


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter group, times the group's own ratio."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_ratio"]


def build_average(config: TrialConfig, model: nn.Module) -> AveragedModel | None:
    """Create the average of the weights that is evaluated and kept, or None where it is off.

    `ema`: exponential over steps, of weights and BatchNorm statistics alike, with the decay
    min(ema_decay, (1 + t) / (10 + t)) at step t, so that short trainings are averaged too (TensorFlow's
    ExponentialMovingAverage). `swa`: equal over the ends of the last epochs (Izmailov et al. 2018, arXiv 1803.05407);
    its BatchNorm statistics have to be computed anew.
    """
    if config.weight_average == "none":
        return None
    if config.weight_average == "swa":
        return AveragedModel(model)

    def average(ema: Tensors, values: Tensors, steps: Tensor | int) -> None:
        if not ema[0].is_floating_point():
            torch._foreach_copy_(ema, values)
            return
        step = float(steps)
        torch._foreach_lerp_(ema, values, 1 - min(config.ema_decay, (1 + step) / (10 + step)))

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)
