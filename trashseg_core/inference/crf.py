"""Dense CRF: label maps that follow the edges of the photo, by mean field inference."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from trashseg_core.compiled import compiled
from trashseg_core.inference.crf_settings import CrfSettings
from trashseg_core.inference.grid_gaussian import build_gaussian
from trashseg_core.inference.permutohedral import build_bilateral

LEAST_PROBABILITY = 1e-5
"""Below it a probability counts as this much: a network's zero is no certainty."""
ROUNDING = 1e-3
"""How far above 1 a probability may lie."""
PhotoAndProbabilities = tuple[np.ndarray, np.ndarray]
"""RGB uint8 (H, W, 3), and float32 (C, H, W)."""


def dense_crf(rgb: np.ndarray, probabilities: np.ndarray, settings: CrfSettings) -> np.ndarray:
    """Refine the probabilities of one photo by mean field inference with Potts compatibility.

    Krähenbühl and Koltun, Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials (NeurIPS 2011): in
    each iteration Q becomes softmax(log p + Σ compat · D^-½ K D^-½ Q) over the two kernels K.

    Takes about 300 bytes of memory per pixel at 11 classes.

    Args:
        rgb: uint8 (H, W, 3), the photo itself.
        probabilities: float (C, H, W), 0 to 1.

    Returns:
        float32 (C, H, W), summing to 1 over the classes.

    Raises:
        ValueError: an array of another kind, e.g. the network's normalised input instead of the photo.
        BadInput: kernels too narrow for a photo of this size.
    """
    _check_arrays(rgb, probabilities)
    num_classes, height, width = probabilities.shape
    kernels = (
        build_gaussian(height, width, settings.gaussian_sxy, settings.gaussian_compat),
        build_bilateral(rgb, settings.bilateral_sxy, settings.bilateral_srgb, settings.bilateral_compat),
    )
    log_p = np.clip(probabilities.reshape(num_classes, -1).T, LEAST_PROBABILITY, 1, dtype=np.float32, order="C")
    np.log(log_p, out=log_p)
    q, logits = log_p.copy(), np.empty_like(log_p)
    _softmax(q)
    for _ in range(settings.iterations):
        np.copyto(logits, log_p)
        for kernel in kernels:
            kernel.add_filtered(q, logits)
        _softmax(logits)
        q, logits = logits, q
    return np.ascontiguousarray(q.T).reshape(probabilities.shape)


def dense_crf_many(
    photos: Iterable[PhotoAndProbabilities], settings: CrfSettings, num_threads: int | None = None
) -> Iterator[np.ndarray]:
    """Refine photo after photo on all cores; memory does not grow with their number.

    Args:
        photos: as `dense_crf` takes them; fetched one photo ahead of the threads.
        num_threads: photos at work at the same time; by default one per core.

    Yields:
        What `dense_crf` returns, in the order given.
    """
    num_threads = num_threads or os.cpu_count() or 1
    refined: deque[Future[np.ndarray]] = deque()
    with ThreadPoolExecutor(num_threads) as pool:
        for rgb, probabilities in photos:
            refined.append(pool.submit(dense_crf, rgb, probabilities, settings))
            if len(refined) > num_threads:
                yield refined.popleft().result()
        while refined:
            yield refined.popleft().result()


def _check_arrays(rgb: np.ndarray, probabilities: np.ndarray) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(
            f"The photo is {rgb.dtype} {rgb.shape}, but must be RGB uint8 (H, W, 3). Give the photo as it was read, "
            "not the network's normalised input."
        )
    if not np.issubdtype(probabilities.dtype, np.floating) or probabilities.shape[1:] != rgb.shape[:2]:
        raise ValueError(
            f"The probabilities are {probabilities.dtype} {probabilities.shape}, but must be float (C, H, W) "
            f"for a photo of {rgb.shape[0]} x {rgb.shape[1]} (H x W)."
        )
    least, most = probabilities.min(), probabilities.max()
    if not (least >= 0 and most <= 1 + ROUNDING):  # also where they are not a number
        raise ValueError(f"The probabilities go from {least} to {most}, but must be from 0 to 1. Give the softmax.")


def _softmax(logits: np.ndarray) -> None:
    """Softmax over the classes, float32 (N, C), in place; numpy's `exp` is vectorised, numba's is not."""
    _subtract_most(logits)
    np.exp(logits, out=logits)
    _divide_by_sum(logits)


@compiled
def _subtract_most(logits: np.ndarray) -> None:
    for pixel in range(len(logits)):
        most = logits[pixel, 0]
        for label in range(1, logits.shape[1]):
            most = max(most, logits[pixel, label])
        for label in range(logits.shape[1]):
            logits[pixel, label] -= most


@compiled
def _divide_by_sum(values: np.ndarray) -> None:
    for pixel in range(len(values)):
        total = np.float32(0)
        for label in range(values.shape[1]):
            total += values[pixel, label]
        inverse = np.float32(1) / total
        for label in range(values.shape[1]):
            values[pixel, label] *= inverse
