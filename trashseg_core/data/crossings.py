"""Polygons that cross themselves: painted by the even-odd rule, so that what is inside twice is outside."""

import numpy as np

MAX_PAIRS = 4_000_000
"""Pairs of edges that are looked at in one polygon; only one with tens of thousands of long edges has more."""
CHUNK_PAIRS = 1 << 18


def crosses_itself(polygon: list[float]) -> bool:
    """Whether two edges of a closed polygon cross. Edges that only touch do not.

    Edges are compared with those whose range of x overlaps theirs. In a polygon with more than `MAX_PAIRS` such pairs,
    so many are.

    Args:
        polygon: x1, y1, x2, y2, …: at least three points, finite numbers.
    """
    starts = np.asarray(polygon, np.float64).reshape(-1, 2)
    ends = np.roll(starts, -1, axis=0)
    left, right = np.minimum(starts[:, 0], ends[:, 0]), np.maximum(starts[:, 0], ends[:, 0])
    order = np.argsort(left, kind="stable")
    starts, ends, left, right = starts[order], ends[order], left[order], right[order]
    after = np.searchsorted(left, right, side="right") - np.arange(len(left)) - 1  # edges that begin within this one
    bounds = np.concatenate([[0], np.cumsum(after)])
    for first in range(0, min(int(bounds[-1]), MAX_PAIRS), CHUNK_PAIRS):
        pairs = np.arange(first, min(first + CHUNK_PAIRS, int(bounds[-1])))
        one = np.searchsorted(bounds, pairs, side="right") - 1
        other = one + 1 + pairs - bounds[one]
        if np.any(_cross(starts[one], ends[one], starts[other], ends[other])):
            return True
    return False


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Whether the segments a-b and c-d cross at a point inside both; float64 (M, 2) each, result bool (M,)."""
    return (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)


def _side(a: np.ndarray, b: np.ndarray, point: np.ndarray) -> np.ndarray:
    """+1 left of the line from a to b, -1 right of it, 0 on it."""
    along, towards = b - a, point - a
    return np.sign(along[:, 0] * towards[:, 1] - along[:, 1] * towards[:, 0])
