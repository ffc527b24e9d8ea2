"""The crop of a photo that training sees: scaled at random, cut at random."""

import math

import cv2
import numpy as np

from trashseg_core.augment.square import Square
from trashseg_core.data.label_maps import IGNORED


def random_crop(
    square: Square, size: int, scales: tuple[float, float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Scale a photo by a log-uniform factor and cut a random square out of it.

    The crop lies within the photo; only a side on which the scaled photo is shorter is filled up, to the right or
    below, with black pixels of label 255.

    Args:
        size: side of the crop in px.
        scales: least and greatest factor, above 0.

    Returns:
        image uint8 (size, size, 3), labels uint8 (size, size).
    """
    low, high = (math.log(scale) for scale in scales)
    drawn = rng.random(3).tolist()
    wanted = max(1, round(size / math.exp(low + (high - low) * drawn[0])))  # px of the photo that fill the crop
    height, width = (min(wanted, extent) for extent in square.extent)
    top, left = int(drawn[1] * (square.extent[0] - height + 1)), int(drawn[2] * (square.extent[1] - width + 1))
    window = np.s_[top : top + height, left : left + width]
    out_height, out_width = (max(1, round(length * size / wanted)) for length in (height, width))
    image, labels = resize_both(square.image[window], square.labels[window], out_height, out_width)
    if (out_height, out_width) == (size, size):
        return image, labels
    below, right = size - out_height, size - out_width
    return (
        cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0)),
        cv2.copyMakeBorder(labels, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(IGNORED,)),
    )


def resize_both(image: np.ndarray, labels: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Resize an image, linearly, and its labels, by the pixel nearest to each centre.

    Args:
        image: uint8 (H, W, 3).
        labels: uint8 (H, W).

    Returns:
        uint8 (height, width, 3) and uint8 (height, width); the given arrays where they have that size already.
    """
    if image.shape[:2] == (height, width):
        return image, labels
    return (
        cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR),
        cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT),
    )
