"""Test-time augmentation: views of a photo whose predictions are averaged."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput, did_you_mean
from trashseg_core.models import size_fault

STRIDE_PX = 32
"""Sides of what a network sees are multiples of this, as `image_size` is."""


class View(NamedTuple):
    """One way of showing a photo: scaled, turned, then mirrored."""

    scale: float = 1.0
    turns: int = 0
    """Quarter turns, counter-clockwise."""
    mirrored: bool = False
    """Left and right exchanged."""

    def show(self, images: Tensor) -> Tensor:
        """Turn and mirror pictures (..., H, W)."""
        turned = _turn(images, self.turns)
        return turned.flip(-1) if self.mirrored else turned

    def undo(self, scores: Tensor) -> Tensor:
        """Bring what was computed from `show` back to where the pixels were; moves values, changes none."""
        upright = scores.flip(-1) if self.mirrored else scores
        return _turn(upright, -self.turns)


SCALES = (0.75, 1.0, 1.25)
_FLIPS = (View(), View(mirrored=True), View(turns=2, mirrored=True), View(turns=2))
TTA_SETS: dict[str, tuple[View, ...]] = {
    "none": (View(),),
    "flip": (View(), View(mirrored=True)),
    "flips": _FLIPS,
    "d4": tuple(View(turns=turns, mirrored=mirrored) for mirrored in (False, True) for turns in range(4)),
    "scales": tuple(View(scale) for scale in SCALES),
    "flips_scales": tuple(view._replace(scale=scale) for scale in SCALES for view in _FLIPS),
}
"""Views by the name of their set. The number of views is what a set costs, in forwards."""


def check_tta(name: str) -> None:
    """Refuse a name that is no set of views.

    Raises:
        BadInput: with the sets there are.
    """
    if name not in TTA_SETS:
        raise BadInput(
            f"The value of `tta` is {name!r}, but must be one of {', '.join(TTA_SETS)}.{did_you_mean(name, TTA_SETS)}"
        )


def usable_sets(config: TrialConfig) -> list[str]:
    """The sets whose scales a config's network takes: some encoders know one size only."""

    def is_usable(view: View) -> bool:
        size = scaled_size(config.predict_size, view.scale)
        return size == config.predict_size or not size_fault(config.encoder_name, config.decoder_name, size)

    return [name for name, views in TTA_SETS.items() if all(map(is_usable, views))]


def scaled_size(size: int, scale: float) -> int:
    """Side in px of a scaled square: the nearest multiple of 32, at least 32."""
    return max(1, round(size * scale / STRIDE_PX)) * STRIDE_PX


def tta_logits(network: Callable[[Tensor], Tensor], images: Tensor, tta: str = "none") -> Tensor:
    """Run a network over all views of its images.

    The result stands for logits in every later step: its softmax is the mean of the views' probabilities, and scaled
    like logits it gives what the logits of a single view would give.

    Args:
        network: images (B, 3, S, S) -> logits (B, C, S, S).
        images: uint8 (B, 3, S, S).
        tta: name of a set of `TTA_SETS`.

    Returns:
        float32 (B, C, S, S), on the device of the images.
    """
    views = TTA_SETS[tta]
    if len(views) == 1:
        return network(images).float()
    size = int(images.shape[-1])  # a constant in an exported graph
    total = torch.zeros((), device=images.device)
    for view in views:
        shown = view.show(resize_squares(images, scaled_size(size, view.scale)))
        total = total + resize_squares(view.undo(network(shown).float()), size).softmax(dim=1)
    return (total / len(views)).clamp(min=torch.finfo(torch.float32).tiny).log()


def _turn(planes: Tensor, turns: int) -> Tensor:
    """torch.rot90 over the last two axes, by operators that ONNX has too."""
    match turns % 4:
        case 0:
            return planes
        case 1:
            return planes.transpose(-2, -1).flip(-2)
        case 2:
            return planes.flip(-2, -1)
        case _:
            return planes.transpose(-2, -1).flip(-1)


def resize_squares(planes: Tensor, size: int) -> Tensor:
    """Scale squares (B, C, S, S) bilinearly, with antialiasing where they shrink."""
    if planes.shape[-1] == size:
        return planes
    return functional.interpolate(planes.float(), (size, size), mode="bilinear", antialias=True)
