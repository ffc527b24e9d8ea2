"""The permutohedral lattice: a Gaussian filter over position and colour in time linear in the pixels."""

from dataclasses import dataclass, replace

import numpy as np

from trashseg_core.compiled import compiled
from trashseg_core.inference.lattice_vertices import CORNERS, surround


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
    """Create the filter scale · D^-½ K D^-½, K = exp(-½ |f_i - f_j|²), f = (rgb / srgb, (x, y) / sxy), D = diag(K 1).

    After Adams, Baek and Davis, Fast High-Dimensional Filtering Using the Permutohedral Lattice (Eurographics 2010).
    The normalisation is folded into the weights.

    Args:
        rgb: uint8 (H, W, 3).

    Raises:
        BadInput: the lattice has more places than 63 bits can number.
    """
    lattice = Lattice(*surround(rgb, sxy, srgb))
    degree = np.zeros((len(lattice.weights), 1), np.float32)
    lattice.add_filtered(np.ones_like(degree), degree)
    return replace(lattice, weights=lattice.weights * np.sqrt(np.float32(scale) / degree))


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
