"""Confusion matrices of mixtures: weighted means of candidates, with offsets of the classes' log probabilities."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from trashseg_core.confusion import count_confusion
from trashseg_core.ensemble.grid import Grid
from trashseg_core.ensemble.kernels import PADDING, count_labels, mix
from trashseg_core.ensemble.pixels import Pixels, release
from trashseg_core.ensemble.probabilities import StoredPrediction
from trashseg_core.inference.predict import first_argmax


@dataclass(frozen=True)
class Mixture:
    """What turns candidates' probabilities into labels: argmax of log(sum over k of w[k, c] p[k, c]) + offset[c]."""

    weights: np.ndarray
    """float64 (K, C), columns sum to 1."""
    offsets: np.ndarray
    """float64 (C,)"""

    @property
    def shares(self) -> np.ndarray:
        """Share of each candidate, averaged over the classes; float64 (K,), sum 1."""
        return np.asarray(self.weights.mean(axis=1))


def plain_mixture(weights: np.ndarray, num_classes: int) -> Mixture:
    """The same weights (K,) for every class, no offsets."""
    return Mixture(np.repeat(weights[:, None], num_classes, axis=1).astype(np.float64), np.zeros(num_classes))


def pixel_scores(pixels: Pixels, weights: np.ndarray, chosen: slice = slice(None)) -> np.ndarray:
    """Weighted mean of the candidates in some tiles, times 255.

    Args:
        weights: (K,) or (K, C).

    Returns:
        float32 (T, C, 64).

    Raises:
        ValueError: there are more or fewer weights than candidates.
    """
    check_weights(weights, pixels.num_candidates)
    full = weights[:, None] if weights.ndim == 1 else weights
    full = np.ascontiguousarray(np.broadcast_to(full, (len(full), pixels.num_classes)), np.float32)
    shown = pixels.probabilities[chosen]
    scores = np.empty((len(shown), *shown.shape[2:]), np.float32)
    mix(shown, full, scores)
    return scores


def check_weights(weights: np.ndarray, num_candidates: int) -> None:
    """Refuse a list of weights of another length than the candidates'.

    Raises:
        ValueError: with both numbers.
    """
    if len(weights) != num_candidates:
        raise ValueError(f"{len(weights)} weights were given for {num_candidates} candidates: one each is needed.")


def pixel_confusions(pixels: Pixels, weights: Sequence[np.ndarray]) -> np.ndarray:
    """Per-image confusion matrices of weighted means.

    Args:
        weights: (K,) for each photo; a photo held out has those that other photos chose.

    Returns:
        int64 (N, C, C), the pixels that were left out included.
    """
    if len(weights) != len(pixels):
        raise ValueError(f"{len(weights)} lists of weights were given for {len(pixels)} photos: one each is needed.")
    counts = np.zeros_like(pixels.agreed)

    def count(photo: int) -> None:
        chosen = pixels.of_photo(photo)
        count_labels(pixel_scores(pixels, weights[photo], chosen), pixels.truth[chosen], counts[photo])
        release(pixels.probabilities[chosen])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(count, range(len(pixels))))
    return np.asarray(pixels.agreed + pixels.stride * counts)


def photo_confusions(pixels: Pixels, scores: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Per-image confusion matrices of some photos, from the scores of their pixels.

    Args:
        scores: (T', C, 64), of the tiles of these photos, one photo after another.
        images: bool (N,), n of them wanted.

    Returns:
        int64 (n, C, C), the pixels that were left out included.
    """
    size, num_photos = pixels.num_classes, int(images.sum())
    photo = np.repeat(np.arange(num_photos), np.diff(pixels.starts)[images])[:, None]
    truth = pixels.truth[pixels.tiles_of(images)]
    cells = (photo * size + truth) * size + scores.argmax(axis=1)
    counts = np.bincount(cells[truth != PADDING], minlength=num_photos * size**2).reshape(-1, size, size)
    return np.asarray(pixels.agreed[images] + pixels.stride * counts)


def mean_planes(predictions: Sequence[StoredPrediction], mixture: Mixture, photo: int) -> np.ndarray:
    """Mean probabilities of one photo, times exp(offset), times 255; float32 (C, pixels)."""
    check_weights(mixture.weights, len(predictions))
    total: np.ndarray | None = None
    for prediction, weights in zip(predictions, mixture.weights.astype(np.float32), strict=True):
        if weights.any():
            share = prediction.planes(photo) * weights[:, None]
            total = share if total is None else np.add(total, share, out=total)
    assert total is not None, "a mixture of nothing"
    return total * np.exp(mixture.offsets).astype(np.float32)[:, None] if mixture.offsets.any() else total


def mixture_confusions(
    predictions: Sequence[Sequence[StoredPrediction]],
    mixtures: Sequence[Mixture],
    grid: Grid,
    images: np.ndarray | None = None,
) -> np.ndarray:
    """Per-image confusion matrices of mixtures, over all pixels of the grid.

    Args:
        predictions: those of the K candidates, for each photo.
        mixtures: one for each photo.
        images: bool (N,), the photos to look at; None: all.

    Returns:
        int64 (N, C, C), 0 for the photos left out.
    """
    counts = np.zeros((len(grid), grid.num_classes, grid.num_classes), np.int64)

    def count(photo: int) -> None:
        labels = first_argmax(mean_planes(predictions[photo], mixtures[photo], photo))
        truth = grid.truth_of(photo)
        counts[photo] = count_confusion(truth, labels, grid.num_classes)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(count, range(len(grid)) if images is None else np.flatnonzero(images)))
    return counts
