"""TrialConfig: everything that decides one model's weights."""

import dataclasses
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trashseg_core.errors import BadInput, did_you_mean

DECODERS = (
    "unet",
    "unetplusplus",
    "manet",
    "linknet",
    "fpn",
    "pspnet",
    "deeplabv3",
    "deeplabv3plus",
    "pan",
    "upernet",
    "segformer",
    "dpt",
)
LOSS_TERMS = ("ce", "soft_ce", "dice", "focal")
LOSS_PRESETS: dict[str, dict[str, float]] = {
    "ce": {"ce": 1.0},
    "soft_ce": {"soft_ce": 1.0},
    "dice": {"dice": 1.0},
    "focal": {"focal": 1.0},
    "dice_ce": {"dice": 0.2, "ce": 0.8},
    "dice_focal": {"dice": 0.25, "focal": 0.75},
}


@dataclass(frozen=True)
class TrialConfig:
    """One trial's hyperparameters. The names are the same in spaces, Ray, MLflow, `config.json` and the report."""

    encoder_name: str = "tu-tf_efficientnet_lite0"
    """Encoder by its smp name; `tu-NAME` takes any timm model."""
    encoder_weights: str = "imagenet"
    """`imagenet`, another set that smp lists for the encoder, or `none` for random weights."""
    decoder_name: str = "fpn"
    """Decoder by its smp name: fpn, unet, unetplusplus, manet, linknet, pspnet, deeplabv3, …"""

    image_size: int = 256
    """Side in px of the square that the model sees; the photo keeps its aspect ratio inside. A multiple of 32."""
    augment: Literal["none", "light", "strong"] = "light"
    """Strength of the geometric and photometric augmentation of training samples."""
    augmix_ratio: float = 0.0
    """Share of training samples that get objects of other training photos pasted in (cut-and-paste), 0 to 1."""
    augmix_rarity: float = 1.0
    """How the pasted object's class is drawn: 0 = all classes alike, 1 = inverse to their number of objects."""
    augmix_max_objects: int = 3
    """Most objects that are pasted into one sample."""

    loss_mix: Literal["ce", "soft_ce", "dice", "focal", "dice_ce", "dice_focal", "weights"] = "dice_ce"
    """A preset mix of loss terms, or `weights` to take the four `loss_*` weights."""
    loss_ce: float = 0.0
    """Weight of cross-entropy. Only with `loss_mix=weights`; the weights are normalised to sum 1."""
    loss_soft_ce: float = 0.0
    """Weight of cross-entropy with label smoothing. Only with `loss_mix=weights`."""
    loss_dice: float = 0.0
    """Weight of the Dice loss. Only with `loss_mix=weights`."""
    loss_focal: float = 0.0
    """Weight of the focal loss. Only with `loss_mix=weights`."""
    label_smoothing: float = 0.1
    """Probability that soft_ce spreads over the other classes, 0 to 1 (exclusive)."""
    focal_gamma: float = 2.0
    """Focusing exponent of the focal loss; 0 makes it cross-entropy."""

    optimizer: Literal["madgrad", "adamw", "sgd"] = "adamw"
    """Optimizer."""
    lr: float = 2e-3
    """Peak learning rate of decoder and head."""
    encoder_lr_ratio: float = 0.2
    """Learning rate of the encoder relative to `lr`; below 1 keeps more of pretrained features."""
    weight_decay: float = 1e-4
    """Weight decay as the optimizer defines it."""
    momentum: float = 0.9
    """Momentum of SGD and MADGRAD; AdamW does not use it."""
    batch_size: int = 16
    """Samples per optimizer step. At least 2: BatchNorm needs it."""
    epochs: int = 30
    """Length of a full training; the schedule spans it, whether or not the trial is stopped early."""
    warmup: float = 0.1
    """Share of the training over which the learning rate rises linearly, before the cosine."""
    ema_decay: float = 0.97
    """Decay per step of the exponential moving average of the weights that is evaluated and kept; 0 = off."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Autocast type; `auto` takes bf16 where the processor computes in it natively."""
    channels_last: bool = True
    """Keep tensors in channels-last memory format, which is faster for convolutions on CPU and GPU."""
    seed: int = 0
    """Seed of initial weights, sample order and augmentation."""

    def __post_init__(self) -> None:
        """Refuse values that no training could use.

        Raises:
            BadInput: a value has the wrong type, is out of range or contradicts another one.
        """
        for field in dataclasses.fields(self):
            value = _as_type(field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        if self.decoder_name not in DECODERS:
            raise BadInput(_not_a_choice("decoder_name", self.decoder_name, DECODERS))
        if self.image_size % 32:
            raise BadInput(f"The value of `image_size` is {self.image_size}, but must be a multiple of 32.")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise BadInput(f"The value of `{name}` is {value}, but must be between {low:g} and {high:g}.")
        weights = {term: getattr(self, f"loss_{term}") for term in LOSS_TERMS}
        if self.loss_mix == "weights" and not sum(weights.values()) > 0:
            raise BadInput(
                "`loss_mix` is `weights`, but every `loss_*` weight is 0. Give at least one a positive value."
            )
        if self.loss_mix != "weights" and any(weights.values()):
            given = ", ".join(f"loss_{term}={weight:g}" for term, weight in weights.items() if weight)
            raise BadInput(f"{given} has no effect with `loss_mix={self.loss_mix}`. Set `loss_mix=weights` to use it.")

    @property
    def loss_weights(self) -> dict[str, float]:
        """Weight of each loss term with a positive one; they sum to 1."""
        weights = LOSS_PRESETS.get(self.loss_mix) or {term: getattr(self, f"loss_{term}") for term in LOSS_TERMS}
        total = sum(weights.values())
        return {term: weight / total for term, weight in weights.items() if weight > 0}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON scalars."""
        return dataclasses.asdict(self)

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> "TrialConfig":
        """Create a config from field values, the rest by default.

        Raises:
            BadInput: a name is not a field, or a value is refused.
        """
        for name in params:
            check_field(name)
        return cls(**params)


_RANGES: dict[str, tuple[float, float]] = {
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
    "seed": (0, 2**32 - 1),
}
_TYPES: dict[str, Any] = typing.get_type_hints(TrialConfig)
FIELDS: tuple[str, ...] = tuple(_TYPES)


def check_field(name: str) -> None:
    """Refuse a name that is no hyperparameter.

    Raises:
        BadInput: with the nearest field's name.
    """
    if name not in _TYPES:
        hint = did_you_mean(name, FIELDS) or f" Fields: {', '.join(FIELDS)}."
        raise BadInput(f"Unknown hyperparameter `{name}`.{hint}")


def parse_assignments(assignments: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """Turn `field=value` texts from the command line into typed values.

    Raises:
        BadInput: a text has no `=`, an unknown field, or a value that its field does not take.
    """
    params: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"`--set {text}` has no `=`. Write `--set field=value`.")
        check_field(name)
        params[name] = _as_type(name, _from_text(name, value))
    return params


def _from_text(name: str, text: str) -> Any:
    kind = _TYPES[name]
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


def _as_type(name: str, value: Any) -> Any:
    """Convert a JSON scalar to the field's type where nothing is lost, else refuse it."""
    kind = _TYPES[name]
    if typing.get_origin(kind) is Literal:
        if value not in typing.get_args(kind):
            raise BadInput(_not_a_choice(name, value, typing.get_args(kind)))
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


def _not_a_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    hint = did_you_mean(str(value), choices)
    return f"The value of `{name}` is {value!r}, but must be one of {', '.join(choices)}.{hint}"
