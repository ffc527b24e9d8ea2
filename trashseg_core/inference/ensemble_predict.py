"""Label maps of an ensemble: the weighted mean of its members' probabilities at the photo's own size."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from torch import Tensor

from trashseg_core.config import TrialConfig
from trashseg_core.data.photos import MAX_MEGAPIXELS, read_photo
from trashseg_core.data.resize import fit_photo, fitted_size
from trashseg_core.inference.predict import argmax_labels, predict_logits, to_native
from trashseg_core.models import Network

BATCH = 8

LoadedMember = tuple[Network, TrialConfig, float]
Place = tuple[Path, tuple[int, int] | None]
"""Path of a photo, and its (height, width) in px where it is known."""


def predict_photos(
    members: list[LoadedMember], photos: Sequence[Place], max_megapixels: float = MAX_MEGAPIXELS
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Predict photos one after another, decoding ahead in threads; memory does not grow with their number.

    Args:
        members: (network, config, weight), the weights summing to 1.
        max_megapixels: larger photos, in 10^6 px, are refused.

    Yields:
        RGB photo uint8 (H, W, 3) and label map uint8 (H, W), in the order given; every photo once.

    Raises:
        BadInput: a photo cannot be read.
    """
    batches = [photos[start : start + BATCH] for start in range(0, len(photos), BATCH)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def decode(batch: Sequence[Place]) -> list[Future[np.ndarray]]:
            return [pool.submit(read_photo, path, size, max_megapixels) for path, size in batch]

        ahead = [decode(batch) for batch in batches[:1]]
        for number in range(len(batches)):
            if number + 1 < len(batches):
                ahead.append(decode(batches[number + 1]))
            decoded = [future.result() for future in ahead.pop(0)]
            for rgb, scores in zip(decoded, mean_probabilities(members, decoded), strict=True):
                yield rgb, argmax_labels(scores)


def mean_probabilities(members: list[LoadedMember], photos: list[np.ndarray]) -> Iterator[Tensor]:
    """Weighted mean of the members' probabilities for decoded photos of any sizes.

    Args:
        photos: uint8 (H, W, 3) each.

    Yields:
        float32 (C, H, W) for each photo; only one is in memory at a time.
    """
    logits = [
        predict_logits(network, config, np.stack([fit_photo(rgb, config.predict_size) for rgb in photos]))
        for network, config, _ in members
    ]
    for index, rgb in enumerate(photos):
        size = (rgb.shape[0], rgb.shape[1])
        total: Tensor | float = 0.0
        for (_, config, weight), batch in zip(members, logits, strict=True):
            native = to_native(batch[index], fitted_size(*size, config.predict_size), size)
            total = total + weight * native.softmax(dim=0)
        assert isinstance(total, Tensor)
        yield total
