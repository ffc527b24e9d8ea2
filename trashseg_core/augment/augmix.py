"""augmix: objects of training photos, rare classes first, pasted into others (Ghiasi et al., arXiv 2012.07177)."""

import math
from bisect import bisect_right

import cv2
import numpy as np

from trashseg_core.augment.class_list import listed_labels
from trashseg_core.augment.object_bank import MAX_SHARE, MIN_AREA_PX, ObjectBank
from trashseg_core.augment.remnants import ignore_remnants
from trashseg_core.config import TrialConfig
from trashseg_core.data.label_maps import IGNORED

NUM_PLACES = 8
"""Random places that are compared for each object."""
PLACE_GRID = 64
"""Points per side at which a place is looked up: enough to compare places, whatever the size of the sample."""
SCALES = (0.6, 1.4)
LIGHT, TINT = (0.75, 1.25), (0.93, 1.07)
"""Ranges of the colour jitter: a factor of all channels, and one of each."""
NUM_DRAWS = 9 + 2 * NUM_PLACES


class Augmix:
    """Pastes objects of a bank into samples. Holds no state but the objects and their probabilities."""

    def __init__(self, config: TrialConfig, bank: ObjectBank, class_names: list[str]) -> None:
        """Look up the objects that may be pasted.

        Raises:
            BadInput: `augmix_classes` lists a class that has no objects.
        """
        self._ratio, self._most = config.augmix_ratio, config.augmix_max_objects
        classes = listed_labels("augmix_classes", config.augmix_classes, class_names, bank.labels)
        members = [np.flatnonzero(bank.labels == label).tolist() for label in classes]
        weights = np.array([len(one) for one in members], np.float64) ** -config.augmix_rarity
        self._bounds: list[float] = (weights.cumsum() / weights.sum()).tolist()
        self._classes: list[int] = classes.tolist()
        self._crops = [[bank.crop(index) for index in one] for one in members]

    def __call__(
        self, image: np.ndarray, labels: np.ndarray, extent: tuple[int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Paste 1 to `augmix_max_objects` objects into a sample with probability `augmix_ratio`.

        An object of which fewer than `MIN_AREA_PX` would be seen is left out.

        Args:
            image: uint8 (S, S, 3), raw; not changed.
            labels: uint8 (S, S); not changed.
            extent: height and width in px that the photo fills.

        Returns:
            Image and labels, new arrays where the sample was chosen.
        """
        if rng.random() >= self._ratio:
            return image, labels
        image, labels = image.copy(), labels.copy()
        for draws in rng.random((int(rng.integers(1, self._most + 1)), NUM_DRAWS)).tolist():
            chosen = min(bisect_right(self._bounds, draws[0]), len(self._bounds) - 1)
            crops = self._crops[chosen]
            patch = _vary(crops[int(draws[1] * len(crops))], extent, draws[2:9])
            top, left = _place(labels, patch.shape[:2], extent, draws[9:])
            _paste(image, labels, patch, self._classes[chosen], top, left)
        return image, labels


def _vary(crop: np.ndarray, extent: tuple[int, int], draws: list[float]) -> np.ndarray:
    """Scale, turn, flip and recolour an object by seven numbers in [0, 1); its alpha moves along.

    Returns:
        uint8 (h, w, 4), RGB times alpha and alpha, at most `MAX_SHARE` of the photo's height and width.
    """
    height, width = crop.shape[:2]
    angle = 2 * math.pi * draws[0]
    cosine, sine = math.cos(angle), math.sin(angle)
    box_height = height * abs(cosine) + width * abs(sine)
    box_width = width * abs(cosine) + height * abs(sine)
    most = MAX_SHARE * min(extent[0] / box_height, extent[1] / box_width)
    scale = min(_between(SCALES, draws[1]), most)
    out_height, out_width = math.ceil(box_height * scale), math.ceil(box_width * scale)
    mirror = -1 if draws[2] < 0.5 else 1
    along_x, along_y = (mirror * scale * cosine, scale * sine), (-mirror * scale * sine, scale * cosine)
    shift_x = (out_width - 1 - along_x[0] * (width - 1) - along_x[1] * (height - 1)) / 2
    shift_y = (out_height - 1 - along_y[0] * (width - 1) - along_y[1] * (height - 1)) / 2
    turned = np.array([[*along_x, shift_x], [*along_y, shift_y]])
    patch = cv2.warpAffine(crop, turned, (out_width, out_height), flags=cv2.INTER_LINEAR)
    light = _between(LIGHT, draws[3])
    colours = [light * _between(TINT, draw) for draw in draws[4:7]]  # times alpha, so that factors are all they take
    return cv2.multiply(patch, np.array([*colours, 1.0]), dst=patch)


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def _place(labels: np.ndarray, shape: tuple[int, int], extent: tuple[int, int], draws: list[float]) -> tuple[int, int]:
    """Try places inside the photo; return the (top, left) whose window covers least of the objects there.

    Args:
        draws: two numbers in [0, 1) per place.
    """
    step = max(1, labels.shape[0] // PLACE_GRID)
    coarse = labels[: extent[0] : step, : extent[1] : step]
    sums = cv2.integral((coarse - np.uint8(1) < IGNORED - 1).view(np.uint8))  # 0 - 1 is 255
    rows, columns = (extent[0] - shape[0]) // step + 1, (extent[1] - shape[1]) // step + 1
    height, width = -(-shape[0] // step), -(-shape[1] // step)
    best, least = (0, 0), math.inf
    for draw in range(0, len(draws), 2):
        top, left = int(draws[draw] * rows), int(draws[draw + 1] * columns)
        bottom, right = top + height, left + width
        covered = sums.item(bottom, right) - sums.item(top, right) - sums.item(bottom, left) + sums.item(top, left)
        if covered < least:
            best, least = (top * step, left * step), covered
        if not covered:
            break
    return best


def _paste(image: np.ndarray, labels: np.ndarray, patch: np.ndarray, label: int, top: int, left: int) -> None:
    """Lay a patch over a sample by its alpha; its label holds where it covers more than half."""
    alpha = cv2.extractChannel(patch, 3)
    painted = cv2.threshold(alpha, 127, label, cv2.THRESH_BINARY)[1]
    if cv2.countNonZero(painted) < MIN_AREA_PX:
        return
    window = np.s_[top : top + patch.shape[0], left : left + patch.shape[1]]
    pixels, known = image[window], labels[window]
    through = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
    behind = cv2.multiply(pixels, through, scale=1 / 255)
    cv2.add(behind, cv2.cvtColor(patch, cv2.COLOR_RGBA2RGB), dst=pixels)
    lost = cv2.copyTo(known, painted)
    cv2.copyTo(painted, painted, known)
    if cv2.countNonZero(lost):
        ignore_remnants(labels, top, left, lost)
