"""Mixing of raw photos: mosaic, CutMix, ClassMix.

albumentations' own Mosaic fills gaps with a colour where photos do not have its cell's shape, and has neither of the
others; these never show padding where a photo can stand.
"""

import math

import cv2
import numpy as np

from trashseg_core.augment.crop import resize_both
from trashseg_core.augment.square import Square
from trashseg_core.data.label_maps import IGNORED

CENTRES = (0.25, 0.75)
"""Where the four photos of a mosaic may meet, as shares of its sides."""
CROPS = (0.5, 1.0)
"""Share of the largest window of its quadrant's shape that a photo shows: about its own scale, down to half of it."""
CUTMIX_ALPHA = 1.0
"""Of the Beta distribution that λ comes from; 1 makes it uniform, as the paper does on ImageNet."""


def mosaic(photos: list[Square], rng: np.random.Generator) -> Square:
    """Put four photos around a random centre, each cropped and scaled to fill its quadrant (Bochkovskiy et al. 2020,
    arXiv 2004.10934, figure 3).

    Args:
        photos: four of the same side, placed row by row.

    Returns:
        A new square without padding.
    """
    size = photos[0].image.shape[0]
    image, labels = np.empty((size, size, 3), np.uint8), np.empty((size, size), np.uint8)
    middle = [round(float(rng.uniform(*CENTRES)) * size) for _ in range(2)]
    for number, photo in enumerate(photos):
        top, left = middle[0] * (number // 2), middle[1] * (number % 2)
        bottom, right = (middle[0], size)[number // 2], (middle[1], size)[number % 2]
        image[top:bottom, left:right], labels[top:bottom, left:right] = _filling(
            photo, bottom - top, right - left, rng.uniform(*CROPS), rng
        )
    return Square(image, labels, (size, size))


def _filling(
    photo: Square, height: int, width: int, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Image and labels of a random window of a photo, scaled to the given size without distortion."""
    scale = share * min(photo.extent[0] / height, photo.extent[1] / width)
    rows, columns = max(1, int(scale * height)), max(1, int(scale * width))
    top, left = int(rng.integers(photo.extent[0] - rows + 1)), int(rng.integers(photo.extent[1] - columns + 1))
    window = np.s_[top : top + rows, left : left + columns]
    return resize_both(photo.image[window], photo.labels[window], height, width)


def cutmix(photo: Square, other: Square, rng: np.random.Generator) -> Square:
    """Replace a rectangle by the same one of another photo (Yun et al. 2019, arXiv 1905.04899, section 3.2).

    Its share of the photo is 1 - λ with λ ~ Beta(1, 1), its centre uniform; what lies outside is cut off, as in the
    authors' code, and so is what either photo does not fill.

    Returns:
        A new square of the first photo's extent.
    """
    ratio = math.sqrt(1 - float(rng.beta(CUTMIX_ALPHA, CUTMIX_ALPHA)))
    spans = []
    for length, available in zip(photo.extent, other.extent, strict=True):
        centre, side = int(rng.integers(length)), round(ratio * length)
        start = centre - side // 2
        spans.append(slice(max(0, start), max(0, min(start + side, length, available))))
    window = tuple(spans)
    image, labels = photo.image.copy(), photo.labels.copy()
    image[window], labels[window] = other.image[window], other.labels[window]
    return Square(image, labels, photo.extent)


def classmix(photo: Square, other: Square, rng: np.random.Generator) -> Square:
    """Lay half of the classes of another photo, rounded up, over this one (Olsson et al. 2021, arXiv 2007.07936).

    The background is no class to take: where trash lies on it, its pixels are nearly all of the other photo, and
    laying them over this one would leave the objects' holes only. Ignored pixels are not taken either.

    Returns:
        A new square of the first photo's extent; the photo itself where the other shows no class.
    """
    height, width = (min(pair) for pair in zip(photo.extent, other.extent, strict=True))
    theirs = np.ascontiguousarray(other.labels[:height, :width])
    counts = cv2.calcHist([theirs], [0], None, [256], [0, 256]).ravel()
    classes = np.flatnonzero(counts[1:IGNORED]) + 1
    if not len(classes):
        return photo
    table = np.zeros(256, np.uint8)
    table[rng.choice(classes, size=-(-len(classes) // 2), replace=False)] = 1
    taken = cv2.LUT(theirs, table)
    image, labels = photo.image.copy(), photo.labels.copy()
    cv2.copyTo(np.ascontiguousarray(other.image[:height, :width]), taken, image[:height, :width])
    cv2.copyTo(theirs, taken, labels[:height, :width])
    return Square(image, labels, photo.extent)
