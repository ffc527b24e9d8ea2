"""The permutohedral lattice: a Gaussian filter over position and colour in time linear in the pixels."""

import math
from dataclasses import dataclass, replace

import numpy as np

from trashseg_core.compiled import compiled
from trashseg_core.errors import BadInput

NUM_FEATURES = 5
"""red, green, blue, x, y: the position last, so that ascending keys go from place to place (see `_strides`)."""
CORNERS = NUM_FEATURES + 1
"""Vertices of a simplex; also the number of lattice axes, and the step of a vertex's coordinates."""
FIRST_BITS = 16
"""log2 of the slots that the hash table starts with; it doubles when half full."""


@dataclass(frozen=True)
class Lattice:
    """A photo's N = H·W pixels among the M lattice vertices around them. Vertex 0 stands for "none there"."""

    vertices: np.ndarray
    """int32 (N, 6): the corners of the simplex that holds each pixel, 1 to M."""
    weights: np.ndarray
    """float32 (N, 6): each pixel's share in them."""
    neighbours: np.ndarray
    """int32 (6, M + 1, 2): along each axis, the vertices before and behind."""

    def add_filtered(self, values: np.ndarray, total: np.ndarray) -> None:
        """Splat values onto the vertices, blur along each axis, and add to `total` what the pixels then find.

        Args:
            values: float32 (N, C).
            total: float32 (N, C), changed in place.
        """
        shape = (self.neighbours.shape[1], values.shape[1])
        held, blurred = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        _splat(values, self.vertices, self.weights, held)
        for axis in range(CORNERS):
            _blur(held, self.neighbours[axis], blurred)
            held, blurred = blurred, held
        _add_sliced(held, self.vertices, self.weights, total)


def build_bilateral(rgb: np.ndarray, sxy: float, srgb: float, scale: float) -> Lattice:
    """Create the filter scale · D^-½ K D^-½ with K = exp(-½ |f_i - f_j|²), D = diag(K 1) and f = (rgb/srgb, (x, y)/sxy).

    After Adams, Baek and Davis, Fast High-Dimensional Filtering Using the Permutohedral Lattice (Eurographics 2010).
    The normalisation is folded into the weights.

    Args:
        rgb: uint8 (H, W, 3).

    Raises:
        BadInput: the lattice has more places than 63 bits can number.
    """
    lattice = _place(rgb, sxy, srgb)
    degree = np.zeros((len(lattice.weights), 1), np.float32)
    lattice.add_filtered(np.ones_like(degree), degree)
    return replace(lattice, weights=lattice.weights * np.sqrt(np.float32(scale) / degree))


def _place(rgb: np.ndarray, sxy: float, srgb: float) -> Lattice:
    """Place every pixel in the lattice, its shares summing to 1.

    Vertices are numbered by ascending key: then the blur, which is bound by memory, walks through it (four times faster
    than in the order in which the pixels meet the vertices), and one merge per axis finds all neighbours.
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
    return Lattice(number[vertices], weights, _joined(keys[order], strides))


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
    """Find each pixel's simplex and its barycentric coordinates there; number the vertices; join the neighbours."""
    height, width = rgb.shape[:2]
    vertices = np.empty((height * width, CORNERS), np.int32)
    weights = np.empty((height * width, CORNERS), np.float32)
    bits, num_vertices = FIRST_BITS, 0
    keys, numbers = np.empty(1 << bits, np.int64), np.zeros(1 << bits, np.int32)
    key_of = np.empty(1 << bits, np.int64)
    feature, offset = np.empty(NUM_FEATURES, np.float32), np.empty(CORNERS, np.float32)
    rank, barycentric = np.empty(CORNERS, np.int64), np.empty(CORNERS + 1, np.float32)
    stride_by_rank = np.empty(CORNERS, np.int64)
    last_key, last_vertex = np.zeros(CORNERS, np.int64), np.zeros(CORNERS, np.int32)
    sixth, half, step = np.float32(1 / CORNERS), np.float32(0.5), strides.sum()
    for pixel in range(height * width):
        y, x = pixel // width, pixel % width
        for channel in range(3):
            feature[channel] = rgb[y, x, channel] * scales[channel]
        feature[3], feature[4] = x * scales[3], y * scales[4]

        # Lift onto the plane of coordinates that sum to 0, and go to the nearest point whose coordinates are multiples
        # of 6; `offset` is what is left, and `excess` by how much that point misses the plane.
        behind, excess = np.float32(0), 0
        key = np.int64(0)
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

        # Back onto the plane; the ranks then name the simplex, and the sorted offsets are its barycentric coordinates.
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
            stride_by_rank[ranked] = strides[axis]
        barycentric[0] += 1 + barycentric[CORNERS]

        for corner in range(CORNERS):
            vertex = last_vertex[corner]
            if vertex == 0 or key != last_key[corner]:  # the pixel before often lies in the same simplex
                slot = _slot(keys, numbers, key, bits)
                vertex = numbers[slot]
                if vertex == 0:
                    num_vertices += 1
                    vertex = np.int32(num_vertices)
                    keys[slot], numbers[slot] = key, vertex
                    key_of[vertex] = key
                    if 2 * num_vertices >= len(keys):
                        bits += 1
                        keys, numbers = _doubled(keys, numbers, bits)
                        key_of = np.append(key_of, key_of)
                last_key[corner], last_vertex[corner] = key, vertex
            vertices[pixel, corner], weights[pixel, corner] = vertex, barycentric[corner]
            key += step - CORNERS * stride_by_rank[NUM_FEATURES - corner]
    return vertices, weights, key_of[1 : num_vertices + 1]


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


@compiled
def _splat(values: np.ndarray, vertices: np.ndarray, weights: np.ndarray, held: np.ndarray) -> None:
    """Sum the pixels onto the corners of their simplices."""
    for pixel in range(len(values)):
        for corner in range(CORNERS):
            vertex, weight = vertices[pixel, corner], weights[pixel, corner]
            for channel in range(values.shape[1]):
                held[vertex, channel] += weight * values[pixel, channel]


@compiled
def _blur(held: np.ndarray, neighbours: np.ndarray, blurred: np.ndarray) -> None:
    """Convolve with (1/2, 1, 1/2) along one axis."""
    half = np.float32(0.5)
    for vertex in range(1, len(held)):
        before, behind = neighbours[vertex, 0], neighbours[vertex, 1]
        for channel in range(held.shape[1]):
            both = held[before, channel] + held[behind, channel]
            blurred[vertex, channel] = held[vertex, channel] + half * both


@compiled
def _add_sliced(held: np.ndarray, vertices: np.ndarray, weights: np.ndarray, total: np.ndarray) -> None:
    """Gather each pixel's value from the corners of its simplex."""
    for pixel in range(len(total)):
        for corner in range(CORNERS):
            vertex, weight = vertices[pixel, corner], weights[pixel, corner]
            for channel in range(total.shape[1]):
                total[pixel, channel] += weight * held[vertex, channel]
