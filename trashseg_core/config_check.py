"""What the hyperparameters of a trial may be, each and together."""

from typing import TYPE_CHECKING

from trashseg_core.choices import DECODERS, LOSS_TERMS
from trashseg_core.errors import BadInput
from trashseg_core.field_values import RANGES, not_a_choice

if TYPE_CHECKING:
    from trashseg_core.config import TrialConfig


def check_config(config: "TrialConfig") -> None:
    """Refuse values that no training could use; their types are right already.

    Raises:
        BadInput: a value is out of range or contradicts another one.
    """
    if config.decoder_name not in DECODERS:
        raise BadInput(not_a_choice("decoder_name", config.decoder_name, DECODERS))
    for name, (low, high) in RANGES.items():
        value = getattr(config, name)
        if not low <= value <= high:
            raise BadInput(f"The value of `{name}` is {value}, but must be between {low:g} and {high:g}.")
    for name in ("image_size", "source_size"):
        if getattr(config, name) % 32:
            raise BadInput(f"The value of `{name}` is {getattr(config, name)}, but must be a multiple of 32.")
    _check_together(config)


def _check_together(config: "TrialConfig") -> None:
    if config.decoder_name == "linknet" and config.decoder_width != 1:
        given = f"`decoder_width` is {config.decoder_width:g}"
        raise BadInput(f"{given}, but the channels of linknet follow the encoder. Leave it at 1.")
    if config.batch_size % config.accumulation or config.batch_size < 2 * config.accumulation:
        given = f"`batch_size` is {config.batch_size} and `accumulation` {config.accumulation}"
        raise BadInput(f"{given}, but each part must have the same number of samples, at least 2 (BatchNorm).")
    if config.scale_min > config.scale_max:
        raise BadInput(f"`scale_min` is {config.scale_min:g}, but must not be above `scale_max`, {config.scale_max:g}.")
    if 0 < config.source_size < config.image_size:
        given = f"`source_size` is {config.source_size}"
        raise BadInput(f"{given}, but must be 0 or at least `image_size`, {config.image_size}.")
    if config.jsd_weight and not config.color_augmix_ratio:
        raise BadInput("`jsd_weight` compares AugMix views. Set `color_augmix_ratio` above 0, best to 1.")
    if config.loss_mix == "tversky" and not config.tversky_alpha + config.tversky_beta > 0:
        raise BadInput("`tversky_alpha` and `tversky_beta` are both 0. Give one a positive value.")
    weights = {term: getattr(config, f"loss_{term}") for term in LOSS_TERMS}
    if config.loss_mix == "weights" and not sum(weights.values()) > 0:
        raise BadInput("`loss_mix` is `weights`, but every `loss_*` weight is 0. Give at least one a positive value.")
    if config.loss_mix != "weights" and any(weights.values()):
        given = ", ".join(f"loss_{term}={weight:g}" for term, weight in weights.items() if weight)
        raise BadInput(f"{given} has no effect with `loss_mix={config.loss_mix}`. Set `loss_mix=weights` to use it.")
