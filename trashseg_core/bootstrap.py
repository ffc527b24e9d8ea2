"""The bootstrap: dataset-level IoU of photos drawn with replacement, and the intervals that follow from it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

NUM_RESAMPLES, SHOWN_RESAMPLES = 10_000, 2_000
TAIL = 0.05
"""Probability beyond each end of an interval."""
MIN_PHOTOS = 4
"""A class in fewer photos gets no interval of its own: on made populations those of 2 or 3 photos held 60 %."""
MIN_FREEDOM = 2.0
"""Least degrees of freedom of a class: below that, Student's quantiles explode."""
CHUNK_BYTES = 1 << 25
"""Memory of one block of resamples."""


def areas_of(per_image: np.ndarray) -> np.ndarray:
    """Overlap and union of each class: all that IoU needs of a photo, and both add up over photos.

    Args:
        per_image: confusion matrices (..., C, C), rows = truth.

    Returns:
        float64 (..., 2, C): whole numbers, so that sums are exact.
    """
    overlap = np.diagonal(per_image, axis1=-2, axis2=-1)
    union = per_image.sum(axis=-1) + per_image.sum(axis=-2) - overlap
    return np.stack([overlap, union], axis=-2).astype(np.float64)


def shares_of(areas: np.ndarray) -> np.ndarray:
    """What each class adds to mIoU: its IoU over the number of classes present; 0 where it is absent.

    Args:
        areas: (..., 2, C).

    Returns:
        float64 (..., C), which sums to mIoU; nan where no class is present.
    """
    overlap, union = areas[..., 0, :], areas[..., 1, :]
    number = (union > 0).sum(axis=-1, keepdims=True)
    values = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return np.asarray(np.divide(values, number, out=np.full_like(values, np.nan), where=number > 0))


def count_draws(photos: np.ndarray, num_photos: int) -> np.ndarray:
    """How often each photo was drawn.

    Args:
        photos: int (B, M), numbers of the photos drawn in each of B resamples.

    Returns:
        float64 (B, num_photos).
    """
    rows = np.arange(len(photos))[:, None] * num_photos
    return np.bincount((photos + rows).ravel(), minlength=len(photos) * num_photos).reshape(-1, num_photos) * 1.0


def sum_areas(counts: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Areas of resampled data sets.

    Args:
        counts: float64 (B, N).
        areas: (N, ..., 2, C).

    Returns:
        float64 (B, ..., 2, C).
    """
    return np.asarray((counts @ areas.reshape(len(areas), -1)).reshape(-1, *areas.shape[1:]))


def chunks(total: int, row_bytes: int) -> Iterator[int]:
    """Sizes of the blocks that `total` rows are handled in, each within `CHUNK_BYTES`."""
    size = max(1, CHUNK_BYTES // row_bytes)
    yield from (min(size, total - start) for start in range(0, total, size))


def resample(
    areas: np.ndarray, num_resamples: int = NUM_RESAMPLES, seed: int = 0, test_size: int | None = None
) -> Iterator[np.ndarray]:
    """Draw as many photos as there are, with replacement (Efron 1979); the same ones for every model.

    Args:
        areas: (N, ..., 2, C).
        test_size: then draw so many photos from each of the resampled sets, again with replacement.

    Yields:
        float64 (b, ..., 2, C): areas of b resampled data sets; all b together are `num_resamples`.
    """
    num_photos, rng = len(areas), np.random.default_rng(seed)
    for size in chunks(num_resamples, 8 * max(2 * num_photos, areas[0].size)):
        counts = count_draws(rng.integers(0, num_photos, (size, num_photos)), num_photos)
        if test_size is not None:
            counts = rng.multinomial(test_size, counts / num_photos).astype(np.float64)
        yield sum_areas(counts, areas)


@dataclass(frozen=True)
class Intervals:
    """90 % intervals of K models: where scores lie on the population of the photos, or on a test set drawn from it."""

    miou: np.ndarray
    """float64 (K, 2): low and high."""
    iou: np.ndarray
    """float64 (K, C, 2); nan for a class in fewer than `MIN_PHOTOS` photos: so few say nothing about others."""


def intervals(
    areas: np.ndarray, num_resamples: int = NUM_RESAMPLES, seed: int = 0, test_size: int | None = None
) -> Intervals:
    """Expanded percentile intervals (Hesterberg, The American Statistician 69, 2015, section 3.2).

    The plain percentile interval is too narrow where few photos hold a class: it estimates a variance with n, not
    n - 1, and takes normal for Student quantiles. Its two levels are moved outwards accordingly, by the effective
    number of photos behind each class (Kish) and, for the mean, by Satterthwaite's degrees of freedom.

    How often the 90 % interval held the mIoU of long-tailed populations of known truth (tests/populations.py), whose
    two rarest of 11 classes are in 1 to 3 % of the photos; 500 populations, the first row 2,000:

        photos                 98     190    655
        expanded percentile   93 %   93 %   91 %
        plain percentile      81 %   88 %   85 %
        BCa                   73 %   82 %   85 %
        studentised           78 %   84 %   86 %
        Bayesian bootstrap    60 %   72 %   80 %

    A test set has luck of its own: with `test_size` the intervals are those of its scores (a double bootstrap).
    How often they held the score of one, the same 2,000 populations:

        photos                      98     98    190    655    655
        photos of the test set      91    400    190     91    655
                                  90 %   90 %   92 %   91 %   91 %

    Args:
        areas: (N, K, 2, C), per photo and model.
        test_size: photos of a test set from the same population; None: the population itself.
    """
    shares, ious = [], []
    for drawn in resample(areas, num_resamples, seed, test_size):
        overlap, union = drawn[..., 0, :], drawn[..., 1, :]
        shares.append(shares_of(drawn).sum(axis=-1))
        ious.append(np.divide(overlap, union, out=np.full_like(overlap, np.nan), where=union > 0))
    mean_level, class_level = _tail_levels(areas)
    return Intervals(
        _two_quantiles(np.concatenate(shares), mean_level), _two_quantiles(np.concatenate(ious), class_level)
    )


def miou_interval(per_image: np.ndarray, test_size: int | None = None) -> tuple[float, float]:
    """90 % interval of one model's mIoU, to be shown: low, high; see `intervals`.

    Args:
        per_image: confusion matrices int64 (N, C, C).
    """
    low, high = intervals(areas_of(per_image)[:, None], SHOWN_RESAMPLES, test_size=test_size).miou[0]
    return float(low), float(high)


def iou_intervals(per_image: np.ndarray) -> np.ndarray:
    """90 % intervals of one model's IoU: float64 (C, 2), nan for a class in too few photos; see `intervals`.

    Args:
        per_image: confusion matrices int64 (N, C, C).
    """
    return np.asarray(intervals(areas_of(per_image)[:, None], SHOWN_RESAMPLES).iou[0])


def _tail_levels(areas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quantile levels of the lower ends.

    Returns:
        float64 (K,) for the mean, (K, C) for the classes; nan where there is no interval.
    """
    totals = areas.sum(axis=0)
    present = totals[:, 1] > 0
    union = np.where(present, totals[:, 1], 1)
    weight = areas[:, :, 1] / union
    pull = (
        areas[:, :, 0] / union - totals[:, 0] / union * weight
    )  # linearised: by how much a photo moves its class's IoU
    wide = pull / np.sqrt(np.maximum(1 - weight, 1e-3))  # HC2: a photo pulls the estimate towards itself
    squared = (pull**2).sum(axis=0)
    freedom = 1 / np.maximum((weight**2).sum(axis=0), 1e-12) - 1
    class_level = _level(freedom, (wide**2).sum(axis=0), squared)
    pooled = squared.sum(axis=-1) ** 2 / np.maximum(
        (squared**2 / np.maximum(freedom, MIN_FREEDOM)).sum(axis=-1), 1e-300
    )
    mean_level = _level(pooled, (wide.sum(axis=-1) ** 2).sum(axis=0), (pull.sum(axis=-1) ** 2).sum(axis=0))
    return mean_level, np.where((areas[:, :, 1] > 0).sum(axis=0) >= MIN_PHOTOS, class_level, np.nan)


def _level(freedom: np.ndarray, wide: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Level at which a normal of variance `plain` ends where Student's t of variance `wide` has its tail."""
    ratio = np.sqrt(np.divide(wide, plain, out=np.ones_like(wide), where=plain > 0))
    return np.asarray(ndtr(stdtrit(np.maximum(freedom, MIN_FREEDOM), TAIL) * ratio))


def _two_quantiles(values: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Quantiles of each column at its own level, and at 1 - level.

    Args:
        values: (B, ...), nan where a resample holds nothing of a class; sorted in place.
        level: (...)

    Returns:
        float64 (..., 2).
    """
    values.sort(axis=0)
    last = (~np.isnan(values)).sum(axis=0) - 1
    known = (last >= 0) & ~np.isnan(level)
    ends = []
    for one in (level, 1 - level):
        place = np.where(known, one, 0) * np.maximum(last, 0)
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, np.maximum(last, 0))
        low, high = (np.take_along_axis(values, at[None], axis=0)[0] for at in (below, above))
        ends.append(np.where(known, low + (high - low) * (place - below), np.nan))
    return np.stack(ends, axis=-1)
