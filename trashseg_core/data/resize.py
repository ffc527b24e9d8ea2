"""Fitting a photo into the square that the model sees, and back."""

import cv2
import numpy as np

from trashseg_core.data.label_maps import IGNORED

cv2.setNumThreads(0)  # parallelism belongs to the callers' threads; OpenCV's own pool would fight them


def fitted_size(height: int, width: int, size: int) -> tuple[int, int]:
    """Height and width in px of a photo scaled so that its longer side is `size`; at least 1 px each."""
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def fit_photo(rgb: np.ndarray, size: int) -> np.ndarray:
    """Scale a photo to the longer side `size` and pad it with black to the right and below.

    Args:
        rgb: uint8 (H, W, 3).

    Returns:
        uint8 (size, size, 3).
    """
    height, width = fitted_size(rgb.shape[0], rgb.shape[1], size)
    shrinks = height * width < rgb.shape[0] * rgb.shape[1]
    scaled = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    fitted = np.zeros((size, size, rgb.shape[2]), np.uint8)
    fitted[:height, :width] = scaled
    return fitted


def fit_label_map(label_map: np.ndarray, size: int) -> np.ndarray:
    """Scale a label map as `fit_photo` scales its photo; the padding is 255 = ignored.

    Takes the pixel nearest to each centre (`INTER_NEAREST_EXACT`), so that labels lie where `INTER_AREA` puts colours.

    Args:
        label_map: uint8 (H, W).

    Returns:
        uint8 (size, size).
    """
    height, width = fitted_size(label_map.shape[0], label_map.shape[1], size)
    fitted = np.full((size, size), IGNORED, np.uint8)
    fitted[:height, :width] = cv2.resize(label_map, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return fitted
