"""Polygons made to fit a picture: clipped to it, scaled with it."""

from collections.abc import Callable

import numpy as np


def clip_polygon(points: np.ndarray, height: float, width: float) -> np.ndarray:
    """Cut a polygon at the borders of the picture.

    Sutherland, Hodgman: Reentrant Polygon Clipping, CACM 17(1), 1974. Where the border cuts a concave polygon apart,
    its pieces stay joined along the border, by a strip without area.

    Args:
        points: float (N, 2), x and y in px.

    Returns:
        float (M, 2) with 0 <= x <= width and 0 <= y <= height; M is 0 for a polygon outside the picture. A polygon
        inside it is returned as it is.
    """
    limits = np.array([width, height], float)
    if (points >= 0).all() and (points <= limits).all():
        return points
    for axis in (0, 1):
        points = _clip_half(points, axis, 0.0, np.greater_equal)
        points = _clip_half(points, axis, limits[axis], np.less_equal)
    return np.clip(points, 0, limits)


def has_area(points: np.ndarray) -> bool:
    """Whether a polygon, float (N, 2), has at least three distinct points that do not lie on one line.

    The signed area is no measure of it: the halves of a bow tie cancel each other.
    """
    distinct = np.unique(points, axis=0)
    if len(distinct) < 3:
        return False
    sides = distinct - distinct[0]
    farthest = sides[np.abs(sides).sum(axis=1).argmax()]
    off_line = np.abs(sides[:, 0] * farthest[1] - sides[:, 1] * farthest[0])
    return bool(off_line.max() > 1e-9 * np.abs(farthest).max() ** 2)


def _clip_half(
    points: np.ndarray, axis: int, limit: float, keeps: Callable[[np.ndarray, float], np.ndarray]
) -> np.ndarray:
    """Keep what lies on one side of a horizontal or vertical line."""
    clipped = []
    inside = keeps(points[:, axis], limit)
    for index, point in enumerate(points):
        before = points[index - 1]
        if inside[index] != inside[index - 1]:
            share = (limit - before[axis]) / (point[axis] - before[axis])
            clipped.append(before + share * (point - before))
        if inside[index]:
            clipped.append(point)
    return np.array(clipped, float).reshape(-1, 2)
