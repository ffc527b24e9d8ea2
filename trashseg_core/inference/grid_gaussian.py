"""A Gaussian filter over the pixel grid, symmetrically normalised: two passes, one per direction."""

import math
from dataclasses import dataclass

import numpy as np

from trashseg_core.compiled import compiled

REACH = 4.0
"""Standard deviations after which the kernel is cut off; exp(-REACH² / 2) is 0.0003."""


@dataclass(frozen=True)
class GridGaussian:
    """scale · D^-½ K D^-½ with K = exp(-½ |(x, y)_i - (x, y)_j|² / sxy²), D = diag(K 1). All of it separates."""

    taps: np.ndarray
    """float32 (radius + 1,): the kernel at distance 0, 1, …"""
    row_norms: np.ndarray
    """float32 (H,): D^-½ of the vertical kernel."""
    column_norms: np.ndarray
    """float32 (W,): that of the horizontal one, times the root of the scale."""

    def add_filtered(self, values: np.ndarray, total: np.ndarray) -> None:
        """Add the filtered values to `total`.

        Args:
            values: float32 (N, C), N = H·W.
            total: float32 (N, C), changed in place.
        """
        num_channels = values.shape[1]
        rows = (len(self.row_norms), len(self.column_norms) * num_channels)
        norms = np.repeat(self.column_norms, num_channels)
        _add_filtered(values.reshape(rows), self.taps, self.row_norms, norms, num_channels, total.reshape(rows))


def build_gaussian(height: int, width: int, sxy: float, scale: float) -> GridGaussian:
    """Create the filter for photos of H x W pixels."""
    radius = min(math.ceil(REACH * sxy), max(height, width) - 1)
    taps = np.exp(-0.5 * (np.arange(radius + 1) / sxy) ** 2).astype(np.float32)
    return GridGaussian(taps, _norms(taps, height), _norms(taps, width) * np.float32(math.sqrt(scale)))


def _norms(taps: np.ndarray, size: int) -> np.ndarray:
    kernel = np.concatenate([taps[:0:-1], taps])
    return np.convolve(np.ones(size), kernel)[len(taps) - 1 :][:size].astype(np.float32) ** -0.5


@compiled
def _add_filtered(
    values: np.ndarray,
    taps: np.ndarray,
    row_norms: np.ndarray,
    column_norms: np.ndarray,
    num_channels: int,
    total: np.ndarray,
) -> None:
    """Down the columns into one padded row, along that row, into `total`; arrays (H, W·C)."""
    height, length = values.shape
    radius = len(taps) - 1
    pad = radius * num_channels
    padded, mixed = np.zeros(length + 2 * pad, np.float32), np.empty(length, np.float32)
    column = padded[pad : pad + length]
    for y in range(height):
        column[:] = 0
        for other in range(max(0, y - radius), min(height, y + radius + 1)):
            weight = taps[abs(other - y)] * row_norms[other] * row_norms[y]
            for place in range(length):
                column[place] += weight * values[other, place]
        for place in range(length):
            column[place] *= column_norms[place]
        mixed[:] = 0
        for tap in range(1, radius + 1):
            before, behind = padded[pad - tap * num_channels :], padded[pad + tap * num_channels :]
            for place in range(length):
                mixed[place] += taps[tap] * (before[place] + behind[place])
        for place in range(length):
            total[y, place] += column_norms[place] * (mixed[place] + column[place])
