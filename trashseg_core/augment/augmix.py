"""augmix: objects of training photos, rare classes first, pasted into others (Ghiasi et al., arXiv 2012.07177)."""

import cv2
import numpy as np

from trashseg_core.augment.object_bank import ObjectBank
from trashseg_core.config import TrialConfig
from trashseg_core.data.label_maps import IGNORED

NUM_PLACES = 8
"""Random places that are compared for each object."""
SCALES = (0.6, 1.4)
MAX_SHARE = 0.6
"""Longest side of a pasted object, as a share of the photo's shorter side."""


class Augmix:
    """Pastes objects of a bank into samples. Holds no state but the class probabilities."""

    def __init__(self, config: TrialConfig, bank: ObjectBank) -> None:
        self._config, self._bank = config, bank
        self._classes, counts = np.unique(bank.labels, return_counts=True)
        weights = counts.astype(np.float64) ** -config.augmix_rarity
        self._probabilities = weights / weights.sum()
        self._members = [np.flatnonzero(bank.labels == label) for label in self._classes]

    def __call__(
        self, image: np.ndarray, labels: np.ndarray, extent: tuple[int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Paste 1 to `augmix_max_objects` objects into a sample with probability `augmix_ratio`.

        Args:
            image: uint8 (S, S, 3), raw; not changed.
            labels: uint8 (S, S); not changed.
            extent: height and width in px that the photo fills.

        Returns:
            Image and labels, new arrays where something was pasted.
        """
        if rng.random() >= self._config.augmix_ratio:
            return image, labels
        image, labels = image.copy(), labels.copy()
        for _ in range(int(rng.integers(1, self._config.augmix_max_objects + 1))):
            chosen = int(rng.choice(len(self._classes), p=self._probabilities))
            index = int(rng.choice(self._members[chosen]))
            patch = _vary(self._bank.crop(index), extent, rng)
            top, left = _place(labels, patch.shape[:2], extent, rng)
            _paste(image, labels, patch, int(self._classes[chosen]), top, left)
        return image, labels


def _vary(crop: np.ndarray, extent: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Scale, flip, rotate and recolour an object; its alpha moves along. Returns uint8 (h, w, 4) within `extent`."""
    height, width = crop.shape[:2]
    scale = min(rng.uniform(*SCALES), MAX_SHARE * min(extent) / max(height, width))
    angle = rng.uniform(-180, 180)
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    cosine, sine = np.abs(turned[0, :2])
    out_width = max(1, int(np.ceil(width * cosine + height * sine)))
    out_height = max(1, int(np.ceil(height * cosine + width * sine)))
    turned[:, 2] += (out_width / 2 - width / 2, out_height / 2 - height / 2)
    patch = cv2.warpAffine(crop, turned, (out_width, out_height), flags=cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        patch = patch[:, ::-1]
    gain, bias = rng.uniform(0.8, 1.2, 3), rng.uniform(-20, 20)
    colours = np.clip(patch[..., :3] * gain + bias, 0, 255).astype(np.uint8)
    return np.dstack([colours, patch[..., 3]])[: extent[0], : extent[1]]


def _place(
    labels: np.ndarray, shape: tuple[int, int], extent: tuple[int, int], rng: np.random.Generator
) -> tuple[int, int]:
    """Draw places inside the photo and return the (top, left) whose window covers least of the objects there."""
    tops = rng.integers(0, extent[0] - shape[0] + 1, NUM_PLACES)
    lefts = rng.integers(0, extent[1] - shape[1] + 1, NUM_PLACES)
    taken = ((labels != 0) & (labels != IGNORED)).astype(np.uint8)
    sums = cv2.integral(taken)
    covered = (
        sums[tops + shape[0], lefts + shape[1]] - sums[tops, lefts + shape[1]]
        - sums[tops + shape[0], lefts] + sums[tops, lefts]
    )  # fmt: skip
    best = int(covered.argmin())
    return int(tops[best]), int(lefts[best])


def _paste(image: np.ndarray, labels: np.ndarray, patch: np.ndarray, label: int, top: int, left: int) -> None:
    """Blend a patch in with a feathered edge; its label holds where it covers more than half."""
    height, width = patch.shape[:2]
    window = np.s_[top : top + height, left : left + width]
    alpha = cv2.GaussianBlur(patch[..., 3], (3, 3), 0)
    share = alpha[..., None].astype(np.float32) / 255
    image[window] = (patch[..., :3] * share + image[window] * (1 - share) + 0.5).astype(np.uint8)
    labels[window][alpha > 127] = label
