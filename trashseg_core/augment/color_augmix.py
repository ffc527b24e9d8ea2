"""Hendrycks' AugMix of colours: chains of colour operations, mixed with the photo (arXiv 1912.02781, algorithm 1)."""

from collections.abc import Callable

import cv2
import numpy as np
import torch
import torchvision.transforms.v2.functional as functional
from torch import Tensor

WIDTH, MOST_DEEP = 3, 3
"""Chains, and most operations in one."""
NUM_LEVELS = 10
_STRONGER = tuple(0.1 * level for level in range(NUM_LEVELS))
OPERATIONS: dict[str, tuple[Callable[[Tensor, float], Tensor], tuple[float, ...], bool]] = {
    "Posterize": (lambda x, bits: functional.posterize(x, int(bits)), (4, 4, 3, 3, 2, 2, 1, 1, 0, 0), False),
    "Solarize": (
        lambda x, share: functional.solarize(x, 255 * share),
        tuple(1 - level / (NUM_LEVELS - 1) for level in range(NUM_LEVELS)),
        False,
    ),
    "AutoContrast": (lambda x, _: functional.autocontrast(x), (0.0,) * NUM_LEVELS, False),
    "Equalize": (lambda x, _: functional.equalize(x), (0.0,) * NUM_LEVELS, False),
    "Brightness": (lambda x, change: functional.adjust_brightness(x, 1 + change), _STRONGER, True),
    "Color": (lambda x, change: functional.adjust_saturation(x, 1 + change), _STRONGER, True),
    "Contrast": (lambda x, change: functional.adjust_contrast(x, 1 + change), _STRONGER, True),
    "Sharpness": (lambda x, change: _sharpen(x, 1 + change), _STRONGER, True),
}
"""The operations of `torchvision.transforms.v2.AugMix` that move no pixel: function, magnitude of each level, and
whether its sign is drawn. Names and magnitudes are torchvision's."""


def color_augmix(image: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Mix a photo with three chains of one to three colour operations each.

    x' = m x + (1 - m) Σ w_i chain_i(x), m ~ Beta(1, 1), w ~ Dirichlet(1, 1, 1). Unlike torchvision's class, nothing
    is drawn from torch's global generator, which threads would share.

    Args:
        image: uint8 (S, S, 3); not changed.
        severity: 1 to 10, how many of the magnitudes are drawn from, the weakest first.

    Returns:
        uint8 (S, S, 3), a new array.
    """
    clean = torch.from_numpy(np.stack(cv2.split(image)))
    keep, weights = float(rng.beta(1, 1)), rng.dirichlet(np.ones(WIDTH)).tolist()
    mixed = clean * keep
    for weight in weights:
        chain = clean
        for _ in range(int(rng.integers(1, MOST_DEEP + 1))):
            chain = _operate(chain, severity, rng)
        mixed.add_(chain, alpha=(1 - keep) * weight)
    return cv2.merge(list(mixed.round_().to(torch.uint8).numpy()))


def _sharpen(image: Tensor, factor: float) -> Tensor:
    """What `functional.adjust_sharpness` gives, bit by bit, in a tenth of its time: sums in place of a convolution."""
    wide = image.to(torch.int16)
    centre = wide[:, 1:-1, 1:-1]
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    smooth = (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * centre).float().div_(13).round_()
    result = image.clone()
    result[:, 1:-1, 1:-1] = centre.float().add_(smooth.sub_(centre), alpha=1 - factor).clamp_(0, 255)
    return result


def _operate(image: Tensor, severity: int, rng: np.random.Generator) -> Tensor:
    operate, magnitudes, signed = list(OPERATIONS.values())[rng.integers(len(OPERATIONS))]
    magnitude = magnitudes[rng.integers(severity)]
    return operate(image, -magnitude if signed and rng.random() < 0.5 else magnitude)
