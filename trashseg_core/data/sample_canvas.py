"""The sheet on which one piece of sample trash is drawn, in the object's own coordinates."""

import colorsys
import math
from collections.abc import Sequence
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Points = Array | Sequence[tuple[float, float]]
Color = Array | tuple[float, float, float]
Rng = np.random.Generator
T = TypeVar("T")

SUPERSAMPLING = 2
MARGIN = 1.15  # roughened outlines may leave the unit circle by this factor
SUBPIXEL_BITS = 4


def smooth_noise(rng: Rng, cells: tuple[int, int], side: int) -> Array:
    """Return smooth random values in about [-1, 1], shape (side, side), with (rows, columns) `cells` of detail."""
    coarse = rng.uniform(-1, 1, cells).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC))


def vivid(rng: Rng) -> tuple[float, float, float]:
    """Return a saturated colour as printers and dyers like them."""
    return colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.5, 0.92), rng.uniform(0.35, 0.92))


def box(half_width: float, half_height: float, center: tuple[float, float] = (0, 0)) -> Array:
    """Return a rectangle's four corners, shape (4, 2)."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=np.float64)
    return corners * (half_width, half_height) + center


def ellipse(radius_x: float, radius_y: float, center: tuple[float, float] = (0, 0)) -> Array:
    """Return an ellipse as 28 points, shape (28, 2)."""
    angles = np.linspace(0, 2 * math.pi, 28, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * (radius_x, radius_y) + center


def profile(half: Sequence[tuple[float, float]]) -> Array:
    """Return the symmetric outline of (y, half width) pairs that run from top to bottom."""
    right = [(width, y) for y, width in half]
    return np.array(right + [(-x, y) for x, y in reversed(right)])


def blob(rng: Rng, num_points: int, jitter: float, radius: float) -> Array:
    """Return a lumpy closed outline around the origin, shape (num_points, 2)."""
    angles = np.linspace(0, 2 * math.pi, num_points, endpoint=False) + rng.uniform(0, 1)
    radii = radius * (1 - rng.uniform(0, 2 * jitter, num_points))
    squeeze = (1, rng.uniform(0.65, 1))
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1) * squeeze


def subdivide(points: Points, cuts: int) -> Array:
    """Cut every edge of a closed outline into `cuts` equal parts, shape (N * cuts, 2)."""
    corners = np.asarray(points, dtype=np.float64)
    steps = np.arange(cuts)[:, None] / cuts
    edges = corners[:, None] + steps * (np.roll(corners, -1, axis=0) - corners)[:, None]
    return edges.reshape(-1, 2)


def smooth(points: Points, cuts: int = 1) -> Array:
    """Cut the corners of a closed outline (Chaikin 1974); with more `cuts` per edge they become smaller."""
    corners = subdivide(points, cuts)
    following = np.roll(corners, -1, axis=0)
    return np.stack([0.75 * corners + 0.25 * following, 0.25 * corners + 0.75 * following], axis=1).reshape(-1, 2)


class Canvas:
    """A square, supersampled sheet; the object lies in the unit circle, x to its right and y down its length.

    Colours are RGB in 0..1. `body` sets the silhouette; what is drawn after it shows inside the silhouette only.
    """

    def __init__(self, radius_px: float, rng: Rng) -> None:
        """Prepare an empty sheet, turned by a random angle.

        Args:
            radius_px: length of the object's unit in pixels of the photo.
        """
        self.rng = rng
        angle = rng.uniform(0, 2 * math.pi)
        cos, sin = radius_px * math.cos(angle), radius_px * math.sin(angle)
        self._to_px = np.array([[cos, sin], [-sin, cos]])  # row vectors, from units to pixels
        self.side_px = 2 * math.ceil(MARGIN * radius_px) + 2
        self._side = self.side_px * SUPERSAMPLING
        axis = ((np.arange(self._side) + 0.5) / SUPERSAMPLING - self.side_px / 2).astype(np.float32)
        column, row = axis[None, :], axis[:, None]
        self.x = (cos * column + sin * row) / radius_px**2
        self.y = (cos * row - sin * column) / radius_px**2
        self._outline = np.zeros((0, 2))
        self._color = np.zeros((self._side, self._side, 3), np.float32)
        self._silhouette = np.zeros((self._side, self._side), np.float32)
        self._alpha = np.zeros_like(self._silhouette)

    # -- chance ------------------------------------------------------------------------------------------------

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(self.rng.uniform() < probability)

    def between(self, low: float, high: float) -> float:
        """Return a uniform number."""
        return float(self.rng.uniform(low, high))

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[int(self.rng.integers(len(options)))]

    def vivid(self) -> tuple[float, float, float]:
        """Return a saturated random colour."""
        return vivid(self.rng)

    def jitter(self, color: Color) -> Array:
        """Return nearly the same colour."""
        return np.asarray(color) * self.rng.uniform(0.88, 1.1) + self.rng.normal(0, 0.02, 3)

    def rough(self, points: Points, cuts: int, amount: float) -> Array:
        """Return an outline with every edge cut into `cuts` parts and every point moved by about `amount`."""
        fine = subdivide(points, cuts)
        return fine + np.clip(self.rng.normal(0, amount, fine.shape), -2 * amount, 2 * amount)

    def spot(self, smallest: float, largest: float) -> Array:
        """Return a small blob somewhere on the object."""
        return blob(self.rng, 8, 0.2, self.between(smallest, largest)) + self.rng.uniform(-0.6, 0.6, 2)

    # -- drawing -----------------------------------------------------------------------------------------------

    def body(self, outline: Points, color: Color, opacity: float = 1) -> None:
        """Set the silhouette and its ground colour."""
        self._outline = np.asarray(outline, dtype=np.float64)
        self._silhouette = self._mask(self._outline)
        self._alpha = self._silhouette * opacity
        self._color[:] = color

    def fill(self, points: Points, color: Color, opacity: float = 1) -> None:
        """Paint a polygon."""
        self._paint(self._mask(points), color, opacity)

    def line(self, points: Points, color: Color, width: float, opacity: float = 1) -> None:
        """Paint an open line, `width` in units."""
        self._paint(self._mask(points, width), color, opacity)

    def glow(self, light: Array) -> None:
        """Add white light, shape of the sheet, 0..1."""
        self._paint(np.clip(light, 0, 1), (1, 1, 1), 1)

    def shade(self, factor: Array) -> None:
        """Multiply the brightness, shape of the sheet."""
        self._color *= factor[..., None].astype(np.float32)

    def cylinder(self, half_width: float, depth: float) -> None:
        """Shade the object as a cylinder along y, lit from the left."""
        self.shade(1.1 - depth * np.abs(np.clip(self.x / half_width + 0.3, -1, 1.3)) ** 1.7)

    def rim(self, brightness: float) -> None:
        """Darken the edge, where the surface turns away."""
        closed = np.concatenate([self._outline, self._outline[:1]])
        self.shade(1 - (1 - brightness) * self._mask(closed, 0.06))

    def noise(self, cells: int) -> Array:
        """Return smooth noise of the sheet's shape, in about [-1, 1]."""
        return smooth_noise(self.rng, (cells, cells), self._side)

    def facets(self, num_facets: int, depth: float) -> Array:
        """Return the brightness of a crumpled surface, about 1 ± depth: tilted Voronoi cells."""
        sites = self.rng.uniform(-0.9, 0.9, (num_facets, 2)).astype(np.float32)
        levels, slopes = self.rng.normal(0, [[0.6], [1.0]], (2, num_facets)).astype(np.float32)
        x, y = self.x[::SUPERSAMPLING, ::SUPERSAMPLING], self.y[::SUPERSAMPLING, ::SUPERSAMPLING]
        nearest = np.argmin([(x - site_x) ** 2 + (y - site_y) ** 2 for site_x, site_y in sites], axis=0)
        tilt: Array = levels[nearest] + slopes[nearest] * (x + y - sites.sum(axis=1)[nearest])
        fine = cv2.resize(tilt, (self._side, self._side), interpolation=cv2.INTER_LINEAR)
        return np.asarray(1 + depth * np.clip(fine, -1.5, 1.2))

    def finish(self) -> tuple[Array, Array, Array]:
        """Return color (S, S, 3), opacity (S, S), float32 in 0..1, and the outline (N, 2), pixels from the centre."""
        size = (self.side_px, self.side_px)
        color = cv2.resize(np.clip(self._color, 0, 1), size, interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(self._alpha, size, interpolation=cv2.INTER_AREA)
        return np.asarray(color), np.asarray(alpha), self._outline @ self._to_px

    # -- below the surface -------------------------------------------------------------------------------------

    def _mask(self, points: Points, width: float = 0) -> Array:
        """Coverage in 0..1 of a polygon, or of an open line where a width in units is given."""
        pixels = (np.asarray(points, dtype=np.float64) @ self._to_px + self.side_px / 2) * SUPERSAMPLING - 0.5
        fixed = [np.round(pixels * 2**SUBPIXEL_BITS).astype(np.int32)]
        mask = np.zeros((self._side, self._side), np.uint8)
        if width:
            unit_px = math.hypot(*self._to_px[0]) * SUPERSAMPLING
            cv2.polylines(mask, fixed, False, 255, max(1, round(width * unit_px)), cv2.LINE_AA, SUBPIXEL_BITS)
            return mask.astype(np.float32) / 255
        cv2.fillPoly(mask, fixed, 255, cv2.LINE_AA, SUBPIXEL_BITS)
        # OpenCV's smooth fill reaches half a pixel beyond the polygon; its upper quarter ends where the polygon ends.
        return np.asarray(np.clip(mask.astype(np.float32) * (4 / 255) - 3, 0, 1))

    def _paint(self, mask: Array, color: Color, opacity: float) -> None:
        left, top, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
        window = slice(top, top + height), slice(left, left + width)  # most details are small: do not touch the rest
        cover = (mask[window] * opacity).astype(np.float32)
        self._color[window] += cover[..., None] * (np.asarray(color, np.float32) - self._color[window])
        self._alpha[window] = np.maximum(self._alpha[window], cover * self._silhouette[window])
