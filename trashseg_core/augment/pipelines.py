"""The albumentations pipeline of a training sample."""

import os
import random

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # read on import: no version look-up over the network

import albumentations as A
import cv2
import numpy as np

from trashseg_core.config import TrialConfig
from trashseg_core.data.label_maps import IGNORED


class Pipeline:
    """One strength of augmentation. Not thread-safe: give each thread its own."""

    def __init__(self, config: TrialConfig) -> None:
        self._compose = A.Compose(_transforms(config.augment, config.image_size))

    def __call__(
        self, image: np.ndarray, labels: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Augment one sample; all randomness comes from `rng`. Pixels that enter from outside are 255 = ignored.

        Args:
            image: uint8 (S, S, 3).
            labels: uint8 (S, S).

        Returns:
            The same shapes and types.
        """
        if not self._compose.transforms:
            return image, labels
        # One shared stream: `set_random_seed` would give every transform the same numbers, so that a photo is
        # brightened exactly when it is flipped.
        self._compose.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        result = self._compose(image=image, mask=labels)
        return result["image"], result["mask"]


def _transforms(strength: str, size: int) -> list[A.BasicTransform]:
    match strength:
        case "none":
            return []
        case "light":
            return [
                A.HorizontalFlip(p=0.5),
                _affine(scale=(0.9, 1.15), rotate=10, shift=0.05, p=0.5),
                A.RandomBrightnessContrast(0.15, 0.15, p=0.3),
            ]
        case "strong":
            return [
                A.D4(p=1.0),
                _affine(scale=(0.5, 1.6), rotate=30, shift=0.2, p=0.9),
                A.RandomBrightnessContrast(0.3, 0.3, p=0.7),
                A.HueSaturationValue(12, 35, 20, p=0.5),
                A.OneOf(
                    [A.GaussianBlur((3, 5)), A.GaussNoise((0.02, 0.08)), A.ImageCompression(quality_range=(50, 90))],
                    p=0.3,
                ),
                A.CoarseDropout((1, 4), (0.05, 0.2), (0.05, 0.2), fill=0, fill_mask=IGNORED, p=0.3),
            ]
        case _:
            raise AssertionError(strength)


def _affine(scale: tuple[float, float], rotate: float, shift: float, p: float) -> A.Affine:
    return A.Affine(
        scale=scale,
        rotate=(-rotate, rotate),
        translate_percent=(-shift, shift),
        balanced_scale=True,
        interpolation=cv2.INTER_LINEAR,
        mask_interpolation=cv2.INTER_NEAREST,
        fill=0,
        fill_mask=IGNORED,
        p=p,
    )
