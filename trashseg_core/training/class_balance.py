"""How often each class occurs, and what training makes of it: loss weights and the drawing of photos."""

import cv2
import numpy as np
import torch
from torch import Tensor

from trashseg_core.config import TrialConfig
from trashseg_core.data.cache import CachedSplit


def count_pixels(split: CachedSplit) -> np.ndarray:
    """Pixels of each class in each photo at the training size, int64 (N, C); ignored ones are not counted."""
    counts = np.empty((len(split), split.num_classes), np.int64)
    for index in range(len(split)):
        histogram = cv2.calcHist([np.ascontiguousarray(split.labels[index])], [0], None, [256], [0, 256])
        counts[index] = histogram.ravel()[: split.num_classes]
    return counts


def class_weights(config: TrialConfig, pixels: np.ndarray) -> Tensor | None:
    """Weights for the pixel-wise loss terms, or None for all alike.

    `inverse_sqrt`: 1 / sqrt(share of the pixels). `effective_number`: (1 - β) / (1 - β^n) with n = photos that show
    the class (Cui et al. 2019, arXiv 1901.05555, equation 2): pixels of one object are copies of each other, photos
    less so.

    Args:
        pixels: int64 (N, C) of `count_pixels`.

    Returns:
        float32 (C,), mean 1 over the classes that occur; 1 for a class that does not.
    """
    if config.class_weights == "none":
        return None
    present = pixels.sum(axis=0) > 0
    if config.class_weights == "inverse_sqrt":
        raw = 1 / np.sqrt(np.maximum(pixels.sum(axis=0), 1))
    else:
        photos = np.maximum((pixels > 0).sum(axis=0), 1)
        raw = (1 - config.effective_beta) / (1 - config.effective_beta**photos)
    weights = np.where(present, raw / raw[present].mean(), 1.0) if present.any() else np.ones(len(present))
    return torch.from_numpy(weights.astype(np.float32))


def photo_probabilities(pixels: np.ndarray, temperature: float) -> np.ndarray:
    """Probability of drawing each photo, rare classes first (DAFormer, Hoyer et al. 2022, arXiv 2111.14887, eq. 7).

    A class is drawn with P(c) ~ exp((1 - f_c) / T), f_c = its share of the pixels, then one of the photos that show
    it. A photo without any labelled pixel is never drawn.

    Args:
        pixels: int64 (N, C) of `count_pixels`.
        temperature: T > 0.

    Returns:
        float64 (N,), sum 1.
    """
    shown = pixels > 0
    present = shown.any(axis=0)
    exponent = (1 - pixels.sum(axis=0) / max(1, pixels.sum())) / temperature
    p_class = np.where(present, np.exp(exponent - exponent[present].max(initial=-np.inf)), 0.0)
    if not p_class.any():
        return np.full(len(pixels), 1 / len(pixels))
    p_class /= p_class.sum()
    return (shown / np.maximum(shown.sum(axis=0), 1)) @ p_class
