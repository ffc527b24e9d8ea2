"""TrialConfig: everything that decides one model's weights."""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trashseg_core.choices import LOSS_PRESETS, LOSS_TERMS, OTHER_NAMES
from trashseg_core.config_check import check_config
from trashseg_core.errors import BadInput, did_you_mean
from trashseg_core.field_values import as_type, from_text


@dataclass(frozen=True)
class TrialConfig:
    """One trial's hyperparameters. The names are the same in spaces, Ray, MLflow, `config.json` and the report."""

    encoder_name: str = "tu-tf_efficientnet_lite0"
    """Encoder by its smp name; `tu-NAME` takes any timm model."""
    encoder_weights: str = "imagenet"
    """`imagenet`, another set that smp lists for the encoder, or `none` for random weights."""
    decoder_name: str = "segformer"
    """Decoder by its smp name: segformer, fpn, unet, unetplusplus, manet, linknet, pspnet, deeplabv3, …"""
    decoder_width: float = 1.0
    """Channels of the decoder relative to smp's default. Half of them suffices for small encoders. Linknet has none."""

    freeze_epochs: int = 0
    """Epochs at the start in which the encoder stays as it is, its BatchNorm statistics included."""
    presence_weight: float = 0.0
    """Weight of an auxiliary loss on the encoder's deepest features, smp's aux head: which classes the photo shows."""

    image_size: int = 256
    """Side in px of the square that is trained on; the photo keeps its aspect ratio inside. A multiple of 32."""
    source_size: int = 0
    """Side in px at which photos are kept and predicted, while training sees random crops of `image_size` of them; a
    multiple of 32. 0 = `image_size`: whole photos."""
    scale_min: float = 1.0
    """Least factor by which a training photo is scaled before it is cropped or padded to `image_size`."""
    scale_max: float = 1.0
    """Greatest such factor; the draw is log-uniform."""
    augment: Literal["none", "light", "strong"] = "light"
    """Strength of the geometric and photometric augmentation of training samples."""
    augmix_ratio: float = 0.0
    """Share of training samples that get objects of other training photos pasted in (cut-and-paste), 0 to 1."""
    augmix_rarity: float = 1.0
    """How the pasted object's class is drawn: 0 = all classes alike, 1 = inverse to their number of objects."""
    augmix_max_objects: int = 3
    """Most objects that are pasted into one sample."""
    augmix_classes: str = ""
    """Only objects of these classes are pasted, e.g. `battery,clothing`; empty = all."""
    color_augmix_ratio: float = 0.0
    """Share of training samples that get Hendrycks' AugMix, colours only, 0 to 1."""
    color_augmix_severity: int = 3
    """Strength of its operations, 1 to 10."""
    jsd_weight: float = 0.0
    """Weight of the Jensen-Shannon consistency between a sample and two AugMix views of it; three times slower."""
    mosaic_ratio: float = 0.0
    """Share of training samples that are put together from four photos, 0 to 1."""
    cutmix_ratio: float = 0.0
    """Share of training samples that get a rectangle of another photo, 0 to 1."""
    classmix_ratio: float = 0.0
    """Share of training samples that get half of the classes of another photo, 0 to 1."""
    pseudo_ratio: float = 0.0
    """Share of training samples that are pseudo-labelled photos, 0 to 1; the data folder has to name some."""
    rare_class_temperature: float = 0.0
    """Photos are drawn by their rare classes: P(c) ~ exp((1 - frequency) / T). 0 = every photo once per epoch; the
    smaller, the rarer."""

    loss_mix: Literal[
        "ce", "soft_ce", "dice", "focal", "lovasz", "jaccard", "tversky", "dice_ce", "dice_focal", "weights"
    ] = "dice_ce"
    """A preset mix of loss terms, or `weights` to take the `loss_*` weights, which are normalised to sum 1."""
    loss_ce: float = 0.0
    """Weight of cross-entropy. This one and the next six only with `loss_mix=weights`."""
    loss_soft_ce: float = 0.0
    """Weight of cross-entropy with label smoothing."""
    loss_dice: float = 0.0
    """Weight of the Dice loss."""
    loss_focal: float = 0.0
    """Weight of the focal loss."""
    loss_lovasz: float = 0.0
    """Weight of the Lovász-softmax loss."""
    loss_jaccard: float = 0.0
    """Weight of the Jaccard loss."""
    loss_tversky: float = 0.0
    """Weight of the Tversky loss."""
    label_smoothing: float = 0.1
    """Probability that soft_ce spreads over the other classes, 0 to 1 (exclusive)."""
    focal_gamma: float = 2.0
    """Focusing exponent of the focal loss; 0 makes it cross-entropy."""
    tversky_alpha: float = 0.3
    """What a false positive costs in the Tversky loss; 0.5 and 0.5 make it Dice."""
    tversky_beta: float = 0.7
    """What a false negative costs in the Tversky loss."""
    absent_classes: Literal["count", "skip"] = "count"
    """What dice, jaccard, lovasz and tversky do about classes that a batch lacks: `count` makes their false positives
    cost, `skip` leaves them free, as smp does."""
    class_weights: Literal["none", "inverse_sqrt", "effective_number"] = "none"
    """Weights of the classes in ce, soft_ce and focal, from the train split, mean 1."""
    effective_beta: float = 0.99
    """How much photos of a class overlap in what they show, for `class_weights=effective_number`."""

    distill_weight: float = 0.0
    """Share of the loss that is the divergence from a teacher, `train --teacher ENSEMBLE`; the rest is the loss mix."""
    distill_temperature: float = 2.0
    """Temperature that softens both predictions in that divergence."""

    optimizer: Literal["madgrad", "adamw", "sgd", "lion"] = "adamw"
    """Optimizer."""
    lr: float = 2e-3
    """Peak learning rate of decoder and head."""
    encoder_lr_ratio: float = 0.2
    """Learning rate of the encoder relative to `lr`; below 1 keeps more of pretrained features."""
    encoder_layer_decay: float = 1.0
    """Factor on the learning rate from each stage of the encoder to the one before it; 1 = the same for all."""
    weight_decay: float = 1e-4
    """Weight decay as the optimizer defines it."""
    momentum: float = 0.9
    """Momentum of SGD and MADGRAD; AdamW and Lion do not use it."""
    clip_norm: float = 0.0
    """Greatest norm of the gradient of all weights together; 0 = no limit."""
    batch_size: int = 16
    """Samples per optimizer step."""
    accumulation: int = 1
    """Parts that a batch is computed in, one after another, to save memory; each has at least 2 samples (BatchNorm)."""
    epochs: int = 30
    """Length of a full training; the schedule spans it, whether or not the trial is stopped early."""
    schedule: Literal["cosine", "one_cycle", "poly", "constant"] = "cosine"
    """Learning rate over the training."""
    warmup: float = 0.1
    """Share of the training over which the learning rate rises to its peak."""
    poly_power: float = 0.9
    """Exponent of the poly schedule."""
    weight_average: Literal["ema", "swa", "none"] = "ema"
    """Which average of the weights is evaluated and kept: exponential over steps, or equal over the last epochs."""
    ema_decay: float = 0.97
    """Decay per step of the exponential moving average."""
    swa_start: float = 0.75
    """Share of the training after which the end of each epoch enters the equal average."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Autocast type; `auto` takes bf16 where the processor computes in it natively."""
    channels_last: bool = True
    """Keep tensors in channels-last memory format, which is faster for convolutions on CPU and GPU."""
    compile: bool = False
    """Compile the model with torch.compile: a slow start, then faster steps on a GPU. Needs a C++ compiler."""
    seed: int = 0
    """Seed of initial weights, sample order and augmentation."""

    def __post_init__(self) -> None:
        """Refuse values that no training could use.

        Raises:
            BadInput: a value has the wrong type, is out of range or contradicts another one.
        """
        for field in dataclasses.fields(self):
            value = as_type(field.name, _TYPES[field.name], getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        check_config(self)

    @property
    def predict_size(self) -> int:
        """Side in px of the square at which photos are kept and predicted."""
        return self.source_size or self.image_size

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


_TYPES: dict[str, Any] = typing.get_type_hints(TrialConfig)
FIELDS: tuple[str, ...] = tuple(_TYPES)


def check_field(name: str) -> None:
    """Refuse a name that is no hyperparameter.

    Raises:
        BadInput: with the nearest field's name.
    """
    if name not in _TYPES:
        hint = did_you_mean(name, FIELDS, OTHER_NAMES) or f" Fields: {', '.join(FIELDS)}."
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
        params[name] = as_type(name, _TYPES[name], from_text(name, _TYPES[name], value))
    return params
