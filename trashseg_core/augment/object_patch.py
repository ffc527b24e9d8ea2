"""An object's patch, compiled: its crop scaled, turned, mirrored and recoloured."""

import math
from typing import NamedTuple

import numpy as np

from trashseg_core.compiled import compiled

SCALES = (0.6, 1.4)
LIGHT, TINT = (0.75, 1.25), (0.93, 1.07)
"""Ranges of the colour jitter: a factor of all channels, and one of each."""
NUM_PATCH_DRAWS = 7
"""Random numbers of a patch: angle, scale, mirror, light, three tints."""
FIXED = 2.0**32
"""One pixel in fixed-point positions; their low 32 bits are the fraction."""
INWARD = 1e-3
"""Positions keep this distance in px from the outermost pixels, more than fixed-point steps drift along a row."""
BLOCK = 1024
"""Pixels that are looked up before they are mixed: about what the processor's first cache holds."""
OPAQUE = np.uint32(128 << 24)
"""A pixel from here on is more than half opaque."""
ONE = np.uint64(1)
"""Indices are unsigned in the innermost loops: numba looks for negative ones otherwise, one by one."""


class Turned(NamedTuple):
    """How an object lies: from the pixels of its patch to positions in its framed crop, in px."""

    height: int
    width: int
    row: float
    """Position of the patch's first pixel; `column` likewise."""
    column: float
    along: tuple[float, float]
    """Rows and columns of the crop per column of the patch."""
    down: tuple[float, float]
    """The same per row of the patch."""


@compiled
def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


@compiled
def framed(pixels: np.ndarray, start: int, height: int, width: int) -> np.ndarray:
    """Copy a crop into a transparent frame of one pixel, which its edge fades into; copied, it lies in the cache."""
    crop = np.zeros((height + 2, width + 2), np.uint32)
    flat, source, target = crop.reshape(-1), np.uint64(start), np.uint64(width + 3)
    for _ in range(height):
        for x in range(np.uint64(width)):
            flat[target + x] = pixels[source + x]
        source, target = source + np.uint64(width), target + np.uint64(width + 2)
    return crop


@compiled
def turn(height: int, width: int, most_height: float, most_width: float, drawn: np.ndarray) -> Turned:
    """Draw angle, scale and mirroring of an object; the box around it is at most as large as given."""
    angle = 2 * math.pi * drawn[0]
    cosine, sine = math.cos(angle), math.sin(angle)
    box_height = height * abs(cosine) + width * abs(sine)
    box_width = width * abs(cosine) + height * abs(sine)
    scale = min(_between(SCALES, drawn[1]), most_height / box_height, most_width / box_width)
    rows, columns = math.ceil(box_height * scale), math.ceil(box_width * scale)
    mirror = -1.0 if drawn[2] < 0.5 else 1.0
    along, down = (sine / scale, mirror * cosine / scale), (cosine / scale, -mirror * sine / scale)
    right, below = (columns - 1) / 2, (rows - 1) / 2
    row = (height + 1) / 2 - along[0] * right - down[0] * below
    column = (width + 1) / 2 - along[1] * right - down[1] * below
    return Turned(rows, columns, row, column, along, down)


@compiled
def resample(crop: np.ndarray, turned: Turned, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Look an object up at each pixel of its patch, bilinearly, and recolour it.

    Returns:
        uint32, the pixels of the span of each row that the crop fills, one after another; these spans, int64
        (patch height, 2); the number of pixels that are more than half opaque.
    """
    light = _between(LIGHT, drawn[3])
    red, green = np.float32(light * _between(TINT, drawn[4])), np.float32(light * _between(TINT, drawn[5]))
    blue = np.float32(light * _between(TINT, drawn[6]))
    patch, spans = np.empty(turned.height * turned.width, np.uint32), np.empty((turned.height, 2), np.int64)
    taps = np.empty((6, max(BLOCK, turned.width)), np.uint32)
    area, done, filled = 0, 0, 0
    for y in range(turned.height):
        row, column = turned.row + y * turned.down[0], turned.column + y * turned.down[1]
        low, high = _span(row, turned.along[0], crop.shape[0], 0.0, turned.width - 1.0)
        low, high = _span(column, turned.along[1], crop.shape[1], low, high)
        first = math.ceil(low)
        count = max(0, math.floor(high) + 1 - first)
        spans[y, 0], spans[y, 1] = first, first + count
        if filled + count > taps.shape[1]:
            area += _mix(taps, filled, red, green, blue, patch, done)
            done, filled = done + filled, 0
        row, column = row + first * turned.along[0], column + first * turned.along[1]
        _gather(crop, row, column, turned.along, taps, filled, filled + count)
        filled += count
    return patch, spans, area + _mix(taps, filled, red, green, blue, patch, done)


@compiled
def _span(start: float, step: float, size: int, low: float, high: float) -> tuple[float, float]:
    """Narrow a range of x to where start + step · x lies between the outermost of `size` pixels."""
    if abs(step) < 1e-9:
        step = 1e-9
    one, other = (INWARD - start) / step, (size - 1 - INWARD - start) / step
    return max(low, min(one, other)), min(high, max(one, other))


@compiled
def _gather(
    crop: np.ndarray, row: float, column: float, along: tuple[float, float], taps: np.ndarray, begin: int, end: int
) -> None:
    """Collect, for one row of the patch, the four pixels around each position and its two fractions."""
    flat, line = crop.reshape(-1), np.uint64(crop.shape[1])
    fixed_row, fixed_column = int(row * FIXED), int(column * FIXED)
    step_row, step_column = int(along[0] * FIXED), int(along[1] * FIXED)
    for x in range(np.uint64(begin), np.uint64(end)):
        place = np.uint64(fixed_row >> 32) * line + np.uint64(fixed_column >> 32)
        taps[0, x], taps[1, x] = flat[place], flat[place + ONE]
        taps[2, x], taps[3, x] = flat[place + line], flat[place + line + ONE]
        taps[4, x], taps[5, x] = np.uint32(fixed_row), np.uint32(fixed_column)
        fixed_row += step_row
        fixed_column += step_column


@compiled
def _mix(
    taps: np.ndarray, count: int, red: np.float32, green: np.float32, blue: np.float32, patch: np.ndarray, start: int
) -> int:
    """Weigh what was gathered, recolour it up to white, append it to the patch; return how much is seen of it."""
    area, begin = 0, np.uint64(start)
    for x in range(np.uint64(count)):
        low, right = _fraction(taps[4, x]), _fraction(taps[5, x])
        south_east = low * right
        north_east, south_west = right - south_east, low - south_east
        weights = (np.float32(1) - low - north_east, north_east, south_west, south_east)
        around = (taps[0, x], taps[1, x], taps[2, x], taps[3, x])
        alpha = _weigh(around, weights, 24)
        r = min(_weigh(around, weights, 0) * red, alpha)
        g = min(_weigh(around, weights, 8) * green, alpha)
        b = min(_weigh(around, weights, 16) * blue, alpha)
        patch[begin + x] = (
            rounded(r) | rounded(g) << np.uint32(8) | rounded(b) << np.uint32(16) | rounded(alpha) << np.uint32(24)
        )
        area += patch[begin + x] >= OPAQUE
    return area


@compiled
def _fraction(position: np.uint32) -> np.float32:
    return np.float32(np.int32(position >> np.uint32(8))) * np.float32(2**-24)


@compiled
def channel(pixel: np.uint32, shift: int) -> np.float32:
    """One of the four bytes of a pixel."""
    return np.float32(np.int32((pixel >> np.uint32(shift)) & np.uint32(255)))


@compiled
def rounded(value: np.float32) -> np.uint32:
    """The nearest byte to a number from 0 to 255."""
    return np.uint32(np.int32(value + np.float32(0.5)))


@compiled
def _weigh(around: tuple, weights: tuple, shift: int) -> np.float32:
    upper = channel(around[0], shift) * weights[0] + channel(around[1], shift) * weights[1]
    return upper + channel(around[2], shift) * weights[2] + channel(around[3], shift) * weights[3]
