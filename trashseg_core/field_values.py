"""Values of hyperparameters: from text, to their type, within their range."""

import sys
import typing
from typing import Any, Literal

from trashseg_core.errors import BadInput, did_you_mean

RANGES: dict[str, tuple[float, float]] = {
    "decoder_width": (0.05, 8),
    "image_size": (32, 4096),
    "augmix_ratio": (0, 1),
    "augmix_rarity": (0, 4),
    "augmix_max_objects": (1, 50),
    "loss_ce": (0, 1e6),
    "loss_soft_ce": (0, 1e6),
    "loss_dice": (0, 1e6),
    "loss_focal": (0, 1e6),
    "label_smoothing": (0, 0.999),
    "focal_gamma": (0, 20),
    "lr": (1e-9, 10),
    "encoder_lr_ratio": (0.001, 10),
    "weight_decay": (0, 1),
    "momentum": (0, 0.9999),
    "batch_size": (2, 4096),
    "epochs": (1, 100_000),
    "warmup": (0, 0.9),
    "ema_decay": (0, 0.99999),
    "freeze_epochs": (0, 100_000),
    "presence_weight": (0, 100),
    "source_size": (0, 8192),
    "scale_min": (0.1, 10),
    "scale_max": (0.1, 10),
    "color_augmix_ratio": (0, 1),
    "color_augmix_severity": (1, 10),
    "jsd_weight": (0, 1000),
    "mosaic_ratio": (0, 1),
    "cutmix_ratio": (0, 1),
    "classmix_ratio": (0, 1),
    "rare_class_temperature": (0, 1000),
    "pseudo_ratio": (0, 1),
    "loss_lovasz": (0, 1e6),
    "loss_jaccard": (0, 1e6),
    "loss_tversky": (0, 1e6),
    "tversky_alpha": (0, 10),
    "tversky_beta": (0, 10),
    "effective_beta": (0, 0.999999),
    "encoder_layer_decay": (0.01, 1),
    "distill_weight": (0, 1),
    "distill_temperature": (0.1, 100),
    "clip_norm": (0, 1e6),
    "accumulation": (1, 4096),
    "poly_power": (0.1, 10),
    "swa_start": (0, 0.99),
    "seed": (0, 2**32 - 1),
}


def from_text(name: str, kind: Any, text: str) -> Any:
    """Read a value from the command line.

    Args:
        name: the hyperparameter, for messages.
        kind: its annotated type.

    Raises:
        BadInput: the text is no number, or neither true nor false.
    """
    if kind is bool:
        if text.lower() not in ("true", "false", "1", "0"):
            raise BadInput(f"The value of `{name}` is {text!r}, but must be true or false.")
        return text.lower() in ("true", "1")
    if kind in (int, float):
        try:
            return kind(text) if kind is float or "e" not in text.lower() else float(text)
        except ValueError:
            raise BadInput(f"The value of `{name}` is {text!r}, but must be a number.") from None
    return text


def as_type(name: str, kind: Any, value: Any) -> Any:
    """Convert a JSON scalar to the annotated type where nothing is lost.

    Raises:
        BadInput: something would be lost, or the value is none of the choices.
    """
    if typing.get_origin(kind) is Literal:
        if value not in typing.get_args(kind):
            raise BadInput(not_a_choice(name, value, typing.get_args(kind)))
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= sys.float_info.max:  # also an int too large for a float
            raise BadInput(f"The value of `{name}` is {str(value)[:40]}, but must be finite.")
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadInput(f"The value of `{name}` is {value!r}, but must be of type {kind.__name__}.")
    return value


def not_a_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """The message for a value that is none of the choices."""
    hint = did_you_mean(str(value), choices)
    return f"The value of `{name}` is {value!r}, but must be one of {', '.join(choices)}.{hint}"
