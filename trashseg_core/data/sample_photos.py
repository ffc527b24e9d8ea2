"""Top-down sample photos: pieces of trash on a textured ground, with the outline of each."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from trashseg_core.data.sample_canvas import Array, Canvas, Rng, smooth_noise, vivid
from trashseg_core.data.sample_objects import OBJECTS

MIN_RADIUS_PX = 5.0
PLACES_TRIED = 8


@dataclass(frozen=True)
class PlacedObject:
    """One object of a photo.

    Attributes:
        outline: its silhouette, shape (N, 2), (x, y) in px of the photo, two decimals, inside the photo.
        area: of the outline in px².
    """

    name: str
    outline: Array
    area: float


@dataclass(frozen=True)
class Sprite:
    """One object before it has a place: color (S, S, 3) and alpha (S, S) in 0..1, outline in px from its centre."""

    name: str
    color: Array
    alpha: Array
    outline: Array
    area: float


def draw_photo(names: Sequence[str], size: int, rng: Rng) -> tuple[Array, list[PlacedObject]]:
    """Draw a photo of these objects.

    Args:
        names: keys of `OBJECTS`, in any order, also repeated.
        size: side of the photo in px.

    Returns:
        The photo, uint8 (size, size, 3) RGB, and its objects as drawn: the largest first, so that a label map painted
        by descending area shows what the photo shows.
    """
    photo = draw_ground(size, rng)
    sprites = [_draw_object(name, size, len(names), rng) for name in names]
    light = _direction(rng) * size * rng.uniform(0.01, 0.025)
    taken: list[tuple[Array, float]] = []
    placed = []
    for sprite in sorted(sprites, key=lambda sprite: -sprite.area):
        center = _find_place(sprite, taken, size, rng)
        taken.append((center, sprite.area))
        _lay_down(photo, sprite, center, light)
        placed.append(PlacedObject(sprite.name, np.round(sprite.outline + center, 2), sprite.area))
    return _photograph(photo, rng), placed


def polygon_area(points: Array) -> float:
    """Return the area of a simple polygon (N, 2) by the shoelace formula."""
    x, y = points[:, 0], points[:, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def draw_ground(size: int, rng: Rng) -> Array:
    """Return an empty ground, float32 (size, size, 3) in 0..1: asphalt, grass, sand, tiles or wood."""
    grounds: list[Callable[[Array, Array, Rng], Array]] = [_asphalt, _grass, _sand, _tiles, _wood]
    across, down = _direction(rng)
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    x = across * axis[None, :] + down * axis[:, None]
    y = across * axis[:, None] - down * axis[None, :]
    ground = grounds[int(rng.integers(len(grounds)))](x, y, rng)
    return np.asarray(ground * rng.uniform(0.85, 1.1), dtype=np.float32)


def _tint(brightness: Array, *color: float) -> Array:
    return brightness[..., None] * np.array(color, np.float32)


def _asphalt(x: Array, y: Array, rng: Rng) -> Array:
    side = len(x)
    grain = cv2.GaussianBlur(rng.standard_normal((side, side), dtype=np.float32), (0, 0), 0.8)
    stones = np.clip(cv2.GaussianBlur(rng.standard_normal((side, side), dtype=np.float32), (0, 0), 1.3) - 0.45, 0, 1)
    return _tint(0.42 + 0.1 * grain + 0.5 * stones + 0.05 * smooth_noise(rng, (6, 6), side), 1.0, 0.99, 0.98)


def _grass(x: Array, y: Array, rng: Rng) -> Array:
    side = len(x)
    blades = np.zeros((side, side), np.float32)
    for angle in rng.uniform(0, math.pi, 4):
        kernel = np.zeros((13, 13), np.float32)
        tip = (round(6 + 6 * math.cos(angle)), round(6 + 6 * math.sin(angle)))
        cv2.line(kernel, (12 - tip[0], 12 - tip[1]), tip, 1.0)
        streaks = cv2.filter2D(rng.standard_normal((side, side), dtype=np.float32), -1, kernel / kernel.sum())
        blades = np.maximum(blades, streaks)
    dry = 0.5 + 0.5 * smooth_noise(rng, (7, 7), side)
    return _tint(0.2 + 0.7 * blades, 0.62, 1.0, 0.35) + _tint(0.14 * dry, 1.0, 0.75, 0.35)


def _sand(x: Array, y: Array, rng: Rng) -> Array:
    side = len(x)
    grain = cv2.GaussianBlur(rng.standard_normal((side, side), dtype=np.float32), (0, 0), 0.7)
    ripples = np.sin(rng.uniform(25, 55) * (y + 0.06 * smooth_noise(rng, (5, 5), side)))
    return _tint(0.72 + 0.07 * grain + 0.045 * ripples + 0.06 * smooth_noise(rng, (4, 4), side), 1.0, 0.86, 0.66)


def _tiles(x: Array, y: Array, rng: Rng) -> Array:
    side, across = len(x), rng.uniform(2.5, 5)
    column, row = x * across + 20, y * across + 20
    levels = rng.uniform(-0.06, 0.06, (40, 40)).astype(np.float32)
    level = levels[column.astype(int), row.astype(int)]
    to_joint = np.minimum(np.abs(column - np.round(column)), np.abs(row - np.round(row)))
    joint = np.clip(to_joint / across * side / 2, 0, 1)
    color = 0.6 * np.array([1.0, 0.95, 0.88]) + 0.2 * np.array(vivid(rng)) - 0.05
    surface = 1 + level + 0.07 * smooth_noise(rng, (40, 40), side)
    return _tint(surface * (0.55 + 0.45 * joint), *color)


def _wood(x: Array, y: Array, rng: Rng) -> Array:
    side, planks = len(x), rng.uniform(3, 6)
    row = (y + 1) * planks
    plank = row.astype(int)
    shift = rng.uniform(0, 9, 40).astype(np.float32)[plank]
    rings = np.sin(60 * y + 5 * np.sin(3 * x + shift) + 4 * smooth_noise(rng, (12, 12), side) + 7 * shift)
    seam = np.clip(np.abs(row - np.round(row)) / planks * side / 1.5, 0, 1)
    tone = 0.62 + 0.1 * rng.uniform(-1, 1, 40).astype(np.float32)[plank]
    fiber = 0.05 * smooth_noise(rng, (side // 2, side // 2), side)
    return _tint((tone + 0.045 * rings + fiber) * (0.4 + 0.6 * seam), 1.0, 0.75, 0.5)


def _direction(rng: Rng) -> Array:
    angle = rng.uniform(0, 2 * math.pi)
    return np.array([math.cos(angle), math.sin(angle)])


def _draw_object(name: str, size: int, num_objects: int, rng: Rng) -> Sprite:
    draw, (smallest, largest) = OBJECTS[name]
    crowding = 1.25 - 0.07 * num_objects
    canvas = Canvas(max(MIN_RADIUS_PX, size * crowding * rng.uniform(smallest, largest)), rng)
    draw(canvas)
    color, alpha, outline = canvas.finish()
    outline = np.round(outline, 2)
    return Sprite(name, color, alpha, outline, round(polygon_area(outline), 2))


def _find_place(sprite: Sprite, taken: list[tuple[Array, float]], size: int, rng: Rng) -> Array:
    """Pick the whole-pixel centre, of a few that keep the outline inside, that is free enough of others.

    Args:
        taken: centre and area in px² of the objects that lie there already.
    """
    low, high = np.ceil(-sprite.outline.min(axis=0)), np.floor(size - sprite.outline.max(axis=0))
    places = np.floor(rng.uniform(low, high + 1, (PLACES_TRIED, 2)))
    reach = math.sqrt(sprite.area)
    room = [
        min((math.dist(place, other) / (reach + area**0.5) for other, area in taken), default=1) for place in places
    ]
    enough = rng.uniform(0.45, 0.8)
    return np.asarray(places[int(np.argmax(np.minimum(room, enough)))])


def _lay_down(photo: Array, sprite: Sprite, center: Array, light: Array) -> None:
    """Blend an object and its soft shadow, cast along `light` (px), into the photo, in place."""
    size = (len(photo), len(photo))
    left, top = center - len(sprite.alpha) / 2
    shift = np.array([[1, 0, left], [0, 1, top]])
    cast = np.array([[1, 0, left + light[0]], [0, 1, top + light[1]]])
    shadow = cv2.warpAffine(sprite.alpha, cast, size)
    photo *= 1 - 0.55 * cv2.GaussianBlur(shadow, (0, 0), 0.5 + len(photo) / 90)[..., None]
    cover = cv2.warpAffine(sprite.alpha, shift, size)[..., None]
    photo += cover * (cv2.warpAffine(sprite.color, shift, size) - photo)


def _photograph(photo: Array, rng: Rng) -> Array:
    """Return the photo as a camera sees it: light falling off, slight blur, noise; uint8."""
    size = len(photo)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    across, down = _direction(rng) * 0.13
    light = 1 + across * axis[None, :] + down * axis[:, None]
    vignette = 1 - rng.uniform(0.05, 0.2) * (axis[None, :] ** 2 + axis[:, None] ** 2) / 2
    balance = rng.uniform(0.94, 1.06, 3).astype(np.float32)
    lit = photo * (light * vignette)[..., None] * balance * rng.uniform(0.9, 1.1)
    blurred = cv2.GaussianBlur(lit.astype(np.float32), (0, 0), rng.uniform(0.3, 0.8))
    noise = rng.standard_normal(blurred.shape, dtype=np.float32) * rng.uniform(0.008, 0.022)
    return np.asarray(np.round(np.clip(blurred + noise, 0, 1) * 255), np.uint8)
