"""The vertices of the permutohedral lattice around each pixel of a photo."""

import math

import numpy as np

from trashseg_core.compiled import compiled
from trashseg_core.errors import BadInput

NUM_FEATURES = 5
"""red, green, blue, x, y: the position last, so that ascending keys go from place to place (see `_strides`)."""
CORNERS = NUM_FEATURES + 1
"""Vertices of a simplex; also the number of lattice axes, and the step of a vertex's coordinates."""
FIRST_BITS = 16
"""log2 of the slots that the hash table starts with; it doubles when half full."""


def surround(rgb: np.ndarray, sxy: float, srgb: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the simplex that holds each of a photo's N = H·W pixels, among the M vertices that occur.

    Vertices are numbered by ascending key: then the blur, which is bound by memory, walks through it (four times faster
    than in the order in which the pixels meet the vertices), and one merge per axis finds all neighbours.

    Args:
        rgb: uint8 (H, W, 3).
        sxy, srgb: units of the position, in px, and of the colour.

    Returns:
        Corners of each pixel's simplex, 1 to M, int32 (N, 6); barycentric coordinates in it, float32 (N, 6); and, along
        each axis, the vertices before and behind, 0 = none, int32 (6, M + 1, 2).

    Raises:
        BadInput: the lattice has more places than 63 bits can number.
    """
    height, width = rgb.shape[:2]
    units = np.array([srgb, srgb, srgb, sxy, sxy])
    axis = np.arange(1, CORNERS)
    scales = math.sqrt(2 / 3) * CORNERS / np.sqrt(axis * (axis + 1)) / units
    strides = _strides(scales * [255, 255, 255, width - 1, height - 1])
    if strides is None:
        given = f"`bilateral_sxy` is {sxy:g} and `bilateral_srgb` {srgb:g}"
        raise BadInput(f"{given}, too narrow for a photo of {width} x {height} pixels. Raise one of them.")
    vertices, weights, keys = _build(np.ascontiguousarray(rgb), scales.astype(np.float32), strides)
    order = np.argsort(keys)
    number = np.zeros(len(keys) + 1, np.int32)
    number[order + 1] = np.arange(1, len(keys) + 1)
    return number[vertices], weights, _joined(keys[order], strides)


def _strides(extents: np.ndarray) -> np.ndarray | None:
    """Factors that turn the coordinates of a vertex into one number, its key, all different; int64 (6,).

    Coordinates sum to 0: the first one may go. The last two depend on the position alone, and count most.

    Args:
        extents: float (5,), the range of each scaled feature.

    Returns:
        None where a key would not fit.
    """
    places, strides = 1, [0]
    for axis in range(1, CORNERS):
        strides.append(places)
        places *= math.ceil(axis * extents[axis - 1] + extents[axis:].sum()) + 4 * CORNERS
    return np.array(strides, np.int64) if places < 2**63 else None


@compiled
def _build(rgb: np.ndarray, scales: np.ndarray, strides: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number the vertices in the order in which the pixels meet them.

    Returns:
        Vertices, 1 to M, int32 (N, 6); weights float32 (N, 6); keys of the vertices int64 (M,).
    """
    height, width = rgb.shape[:2]
    vertices = np.empty((height * width, CORNERS), np.int32)
    weights = np.empty((height * width, CORNERS), np.float32)
    bits, num_vertices = FIRST_BITS, 0
    keys, numbers = np.empty(1 << bits, np.int64), np.zeros(1 << bits, np.int32)
    key_of = np.empty(1 << bits, np.int64)
    feature, steps = np.empty(NUM_FEATURES, np.float32), np.empty(CORNERS, np.int64)
    offset, rank = np.empty(CORNERS, np.float32), np.empty(CORNERS, np.int64)
    barycentric = np.empty(CORNERS + 1, np.float32)
    last_key, last_vertex = np.zeros(CORNERS, np.int64), np.zeros(CORNERS, np.int32)
    for pixel in range(height * width):
        y, x = pixel // width, pixel % width
        for channel in range(3):
            feature[channel] = rgb[y, x, channel] * scales[channel]
        feature[3], feature[4] = x * scales[3], y * scales[4]
        key = _locate(feature, strides, offset, rank, steps, barycentric)
        for corner in range(CORNERS):
            vertex = last_vertex[corner]
            if vertex == 0 or key != last_key[corner]:  # the pixel before often lies in the same simplex
                slot = _slot(keys, numbers, key, bits)
                vertex = numbers[slot]
                if vertex == 0:
                    num_vertices += 1
                    vertex = np.int32(num_vertices)
                    keys[slot], numbers[slot] = key, vertex
                    key_of[num_vertices - 1] = key
                    if 2 * num_vertices == len(keys):
                        bits += 1
                        keys, numbers = _doubled(keys, numbers, bits)
                        key_of = np.append(key_of, key_of)
                last_key[corner], last_vertex[corner] = key, vertex
            vertices[pixel, corner], weights[pixel, corner] = vertex, barycentric[corner]
            key += steps[corner]
    return vertices, weights, key_of[:num_vertices].copy()


@compiled
def _locate(
    feature: np.ndarray,
    strides: np.ndarray,
    offset: np.ndarray,
    rank: np.ndarray,
    steps: np.ndarray,
    barycentric: np.ndarray,
) -> np.int64:
    """Find the simplex that holds a point.

    Args:
        feature: the point, float32 (5,).
        offset, rank: room for float32 (6,) and int64 (6,).
        steps: becomes the way in keys from each corner to the next, int64 (6,).
        barycentric: becomes the point's coordinates in the simplex, float32 (6 + 1,); the last is none of them.

    Returns:
        Key of the first corner.
    """
    # Lift onto the plane of coordinates that sum to 0 and go to the nearest point of multiples of 6 around; `offset` is
    # what is left, and `excess` by how much that point misses the plane.
    sixth, half = np.float32(1 / CORNERS), np.float32(0.5)
    behind, excess, key = np.float32(0), 0, np.int64(0)
    for axis in range(NUM_FEATURES, -1, -1):
        lifted = behind
        if axis:
            lifted -= axis * feature[axis - 1]
            behind += feature[axis - 1]
        nearest = int(math.floor(lifted * sixth + half))
        offset[axis] = lifted - nearest * CORNERS
        excess += nearest
        key += nearest * CORNERS * strides[axis]
        rank[axis] = 0
    for axis in range(CORNERS):
        for other in range(axis + 1, CORNERS):
            is_less = offset[axis] < offset[other]
            rank[axis] += is_less
            rank[other] += not is_less
    # Back onto the plane. The ranks of the offsets then name the simplex, their differences are the coordinates in it.
    barycentric[:] = 0
    for axis in range(CORNERS):
        ranked = rank[axis] + excess
        if ranked < 0 or ranked >= CORNERS:
            back = CORNERS if ranked < 0 else -CORNERS
            ranked += back
            key += back * strides[axis]
            offset[axis] -= back
        barycentric[NUM_FEATURES - ranked] += offset[axis] * sixth
        barycentric[CORNERS - ranked] -= offset[axis] * sixth
        steps[NUM_FEATURES - ranked] = strides.sum() - CORNERS * strides[axis]
    barycentric[0] += 1 + barycentric[CORNERS]
    return key


@compiled
def _joined(keys: np.ndarray, strides: np.ndarray) -> np.ndarray:
    """Find the neighbours of every vertex among the ascending keys; who is before me has me behind."""
    neighbours = np.zeros((CORNERS, len(keys) + 1, 2), np.int32)
    for axis in range(CORNERS):
        apart = CORNERS * strides[axis] - strides.sum()
        other = 0
        for vertex in range(len(keys)):
            wanted = keys[vertex] + apart
            while other < len(keys) and keys[other] < wanted:
                other += 1
            if other < len(keys) and keys[other] == wanted:
                neighbours[axis, vertex + 1, 0] = other + 1
                neighbours[axis, other + 1, 1] = vertex + 1
    return neighbours


@compiled
def _slot(keys: np.ndarray, numbers: np.ndarray, key: np.int64, bits: int) -> np.int64:
    """The slot that holds a key, or the free one where it belongs: multiplicative hash, linear probing."""
    slot = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits))
    while numbers[slot] != 0 and keys[slot] != key:
        slot = (slot + 1) & (len(keys) - 1)
    return slot


@compiled
def _doubled(keys: np.ndarray, numbers: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The same table with twice the slots."""
    more_keys, more_numbers = np.empty(1 << bits, np.int64), np.zeros(1 << bits, np.int32)
    for old in range(len(keys)):
        if numbers[old]:
            slot = _slot(more_keys, more_numbers, keys[old], bits)
            more_keys[slot], more_numbers[slot] = keys[old], numbers[old]
    return more_keys, more_numbers
