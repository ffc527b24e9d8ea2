"""Near-duplicates: photos that are copies of one another in another size, quality or crop."""

from collections.abc import Hashable, Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from trashseg_core.data.folds import connected

SIDE, ALIGNED_SIDE, COARSE_SIDE = 64, 24, 8
MARGINS = (0, 2, 4, 6)
"""Rows or columns of the thumbnail that a copy may lack at each edge: up to 9 % of the photo."""
COPY, SCENE, COARSE = 0.9, 0.8, 0.45
"""Least likeness of a copy, of two photos that are kept together, and at 8 x 8 of a pair that is looked at closely.
Measured on 468 photos of single objects, many on white, with copies re-encoded at quality 20 to 80, scaled by 0.3 to
1.5, cropped by up to 8 % at each edge: 97 to 99 % found, 2 false pairs of 109,278. Of frames of one scene, taken a
few percent apart and turned by up to 3 degrees, `SCENE` keeps 57 to 99 % together. The thresholds were chosen on these
photos, so the figures flatter."""


class Pair(NamedTuple):
    """Two photos that look alike, by number."""

    one: int
    other: int
    likeness: float
    """Correlation after the best crop, at most 1."""


def thumbnail(rgb: np.ndarray) -> np.ndarray:
    """What is compared of a photo: its brightness, uint8 (64, 64), whatever its shape.

    Args:
        rgb: uint8 (H, W, 3).
    """
    return cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def find_near_duplicates(
    thumbnails: Sequence[np.ndarray], least: float = COPY, parts: Sequence[int] | None = None
) -> list[Pair]:
    """Find the pairs of photos that look alike.

    Thumbnails without their low frequencies are compared by correlation: all with all at 8 x 8, which takes one
    matrix product; what passes once more at 24 x 24, as if 0 to 9 % had been cut off at each edge of one of the two.

    Args:
        thumbnails: of N photos, see `thumbnail`.
        least: least likeness; `SCENE` also takes photos of one scene.
        parts: number of each photo's part; only pairs across parts are looked for. By default all.

    Returns:
        Pairs with `one` before `other`, the most alike first.
    """
    if not len(thumbnails):
        return []
    part_of = np.arange(len(thumbnails)) if parts is None else np.asarray(parts)
    details = [_details(one) for one in thumbnails]
    coarse = _normalised([cv2.resize(one, (COARSE_SIDE, COARSE_SIDE), interpolation=cv2.INTER_AREA) for one in details])
    whole = np.concatenate([_crops(one, margins=(0,)) for one in details])
    likeness: dict[tuple[int, int], float] = {}
    for photo in range(len(details)):
        alike = _products(coarse, coarse[photo : photo + 1])[:, 0] >= COARSE
        near = np.flatnonzero(alike & (part_of != part_of[photo]))
        if len(near):
            best = _products(_crops(details[photo]), whole[near]).max(axis=0)
            for other, value in zip(near.tolist(), best.tolist(), strict=True):
                pair = min(photo, other), max(photo, other)
                likeness[pair] = max(value, likeness.get(pair, 0.0))
    found = [Pair(*pair, value) for pair, value in likeness.items() if value >= least]
    return sorted(found, key=lambda pair: (-pair.likeness, pair.one, pair.other))


def group_scenes(thumbnails: Sequence[np.ndarray]) -> list[int]:
    """Groups of photos that should stay together: copies, even of plain pictures, and what looks like one scene.

    Returns:
        Number of each photo's group: the first photo in it.
    """
    keys: list[list[Hashable]] = [[photo, one.tobytes()] for photo, one in enumerate(thumbnails)]
    for pair in find_near_duplicates(thumbnails, SCENE):
        for photo in pair[:2]:
            keys[photo].append(pair[:2])
    return connected(keys)


def _details(small: np.ndarray) -> np.ndarray:
    """A thumbnail without what changes slowly: many photos share a bright middle, few an outline."""
    gray = small.astype(np.float32)
    return np.asarray(gray - cv2.GaussianBlur(gray, (0, 0), SIDE / 8))


def _crops(details: np.ndarray, margins: tuple[int, ...] = MARGINS) -> np.ndarray:
    """A thumbnail with margins cut off at each edge, every combination, scaled to 24 x 24 by two matrix products.

    Returns:
        float32 (crops, 576), each of mean 0 and length 1.
    """
    scale = _scaling(margins)
    flat = scale.reshape(-1, SIDE)
    both = _products(flat, _products(flat, details)).reshape(len(scale), ALIGNED_SIDE, len(scale), ALIGNED_SIDE)
    return _normalised(both.transpose(0, 2, 1, 3).reshape(-1, ALIGNED_SIDE**2))


@cache
def _scaling(margins: tuple[int, ...]) -> np.ndarray:
    """Matrices that cut rows off at both ends and scale the rest down: float32 (cuts, 24, 64)."""
    rows = np.eye(SIDE, dtype=np.float32)
    cuts = [rows[low : SIDE - high] for low in margins for high in margins]
    return np.stack([cv2.resize(cut, (SIDE, ALIGNED_SIDE), interpolation=cv2.INTER_AREA) for cut in cuts])


def _products(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Inner products of the rows of two matrices. OpenCV's, in one thread: for matrices as small as these, numpy's
    threads wait for one another, up to fifty times longer than they compute where the machine has other work."""
    # The stubs forget that there need be no third matrix.
    return np.asarray(cv2.gemm(one, other, 1, None, 0, flags=cv2.GEMM_2_T))  # type: ignore[call-overload]


def _normalised(rows: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Flat rows of mean 0 and length 1; a row without any step becomes 0, which is like nothing."""
    flat = np.asarray(rows, np.float32).reshape(len(rows), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.divide(flat, lengths, out=np.zeros_like(flat), where=lengths > 1e-3))
