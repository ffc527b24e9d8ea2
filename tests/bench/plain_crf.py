"""Dense CRF as plain numpy and scipy write it: the same lattice and Gaussian as sparse matrices and library filters."""

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array
from scipy.special import softmax

from trashseg_core.inference.crf import LEAST_PROBABILITY, CrfSettings
from trashseg_core.inference.grid_gaussian import REACH

CORNERS = 6


def dense_crf(rgb: np.ndarray, probabilities: np.ndarray, settings: CrfSettings) -> np.ndarray:
    """Refine the probabilities of one photo; arguments and result as the project's own."""
    num_classes, height, width = probabilities.shape
    splat, blurs = lattice(rgb, settings.bilateral_sxy, settings.bilateral_srgb)
    sliced = splat.T.tocsr()

    def bilateral(values: np.ndarray) -> np.ndarray:
        held = splat @ values
        for blur in blurs:
            held = blur @ held
        return sliced @ held

    def gaussian(values: np.ndarray) -> np.ndarray:
        grid, sigma = values.reshape(height, width, -1), settings.gaussian_sxy
        return gaussian_filter(grid, sigma, mode="constant", truncate=REACH, axes=(0, 1)).reshape(values.shape)

    ones = np.ones((height * width, 1), np.float32)
    kernels = [
        (kernel, compat, kernel(ones) ** -0.5)
        for kernel, compat in ((gaussian, settings.gaussian_compat), (bilateral, settings.bilateral_compat))
    ]
    log_p = np.log(np.clip(probabilities.reshape(num_classes, -1).T, LEAST_PROBABILITY, 1))
    q = softmax(log_p, axis=1)
    for _ in range(settings.iterations):
        q = softmax(log_p + sum(compat * norm * kernel(norm * q) for kernel, compat, norm in kernels), axis=1)
    return q.T.reshape(probabilities.shape)


def lattice(rgb: np.ndarray, sxy: float, srgb: float) -> tuple[csr_array, list[csr_array]]:
    """The permutohedral lattice as matrices: splat (M, N), and a blur (M, M) along each axis."""
    height, width = rgb.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    position = np.stack([columns, rows], axis=-1) / sxy
    features = np.concatenate([rgb.astype(np.float32) / srgb, position], axis=2).reshape(-1, CORNERS - 1)
    axis = np.arange(1, CORNERS)
    scaled = features * (np.sqrt(2 / 3) * CORNERS / np.sqrt(axis * (axis + 1)))
    lifted = np.zeros((len(scaled), CORNERS))
    lifted[:, :-1] = np.cumsum(scaled[:, ::-1], axis=1)[:, ::-1]
    lifted[:, 1:] -= axis * scaled

    nearest = np.floor(lifted / CORNERS + 0.5).astype(np.int64)
    excess = nearest.sum(axis=1, keepdims=True)
    rank = np.argsort(np.argsort(-(lifted - nearest * CORNERS), axis=1, kind="stable"), axis=1) + excess
    back = (rank < 0).astype(np.int64) - (rank >= CORNERS)
    nearest, rank = (nearest + back) * CORNERS, rank + back * CORNERS
    ordered = np.take_along_axis(lifted - nearest, np.argsort(rank, axis=1), axis=1) / CORNERS
    weights = np.empty((len(scaled), CORNERS), np.float32)
    weights[:, 1:] = (ordered[:, :-1] - ordered[:, 1:])[:, ::-1]
    weights[:, 0] = 1 - weights[:, 1:].sum(axis=1)

    low = nearest.min(axis=0) - 2 * CORNERS
    spans = nearest.max(axis=0) + 2 * CORNERS - low
    strides = np.append(np.cumprod([1, *spans[:4]]), 0)
    corner = np.arange(CORNERS)
    points = nearest[:, None] + corner[:, None] - CORNERS * (rank[:, None] > CORNERS - 1 - corner[:, None])
    keys, vertices = np.unique((points - low) @ strides, return_inverse=True)
    pixels = np.repeat(np.arange(len(scaled)), CORNERS)
    splat = csr_array((weights.ravel(), (vertices.ravel(), pixels)), shape=(len(keys), len(scaled)))
    return splat, [_blur(keys, CORNERS * stride - strides.sum()) for stride in strides]


def _blur(keys: np.ndarray, apart: int) -> csr_array:
    found = np.searchsorted(keys, keys + apart).clip(max=len(keys) - 1)
    here = np.flatnonzero(keys[found] == keys + apart)
    there = found[here]
    itself = np.arange(len(keys))
    places = (np.concatenate([itself, here, there]), np.concatenate([itself, there, here]))
    values = np.repeat(np.array([1, 0.5], np.float32), [len(keys), 2 * len(here)])
    return csr_array((values, places), shape=(len(keys), len(keys)))
