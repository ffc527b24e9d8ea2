"""Label maps of an ensemble: the weighted mean of its members' probabilities at the photo's own size."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from torch import Tensor

from trashseg_core.config import TrialConfig
from trashseg_core.data.photos import read_photo
from trashseg_core.data.resize import fit_photo, fitted_size
from trashseg_core.inference.predict import argmax_labels, predict_logits, to_native
from trashseg_core.models import Network

BATCH = 8

LoadedMember = tuple[Network, TrialConfig, float]


def predict_photos(
    members: list[LoadedMember], photos: list[tuple[Path, tuple[int, int] | None]]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Predict photos one after another, decoding ahead in threads; memory does not grow with their number.

    Args:
        members: (network, config, weight), the weights summing to 1.
        photos: path of each, and its (height, width) in px where it is known.

    Yields:
        RGB photo uint8 (H, W, 3) and label map uint8 (H, W), in the order given; every photo once.

    Raises:
        BadInput: a photo cannot be read.
    """
    batches = [photos[start : start + BATCH] for start in range(0, len(photos), BATCH)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def decode(batch: list[tuple[Path, tuple[int, int] | None]]) -> list:
            return [pool.submit(read_photo, path, size) for path, size in batch]

        ahead = [decode(batch) for batch in batches[:1]]
        for number in range(len(batches)):
            if number + 1 < len(batches):
                ahead.append(decode(batches[number + 1]))
            decoded = [future.result() for future in ahead.pop(0)]
            for rgb, scores in zip(decoded, mean_probabilities(members, decoded), strict=True):
                yield rgb, argmax_labels(scores)


def mean_probabilities(members: list[LoadedMember], photos: list[np.ndarray]) -> list[Tensor]:
    """Weighted mean of the members' probabilities for decoded photos of any sizes.

    Args:
        photos: uint8 (H, W, 3) each.

    Returns:
        float32 (C, H, W) for each photo.
    """
    totals: list[Tensor] = []
    for network, config, weight in members:
        fitted = np.stack([fit_photo(rgb, config.image_size) for rgb in photos])
        logits = predict_logits(network, config, fitted)
        for index, rgb in enumerate(photos):
            size = (rgb.shape[0], rgb.shape[1])
            native = to_native(logits[index], fitted_size(*size, config.image_size), size)
            share = weight * native.softmax(dim=0)
            if len(totals) <= index:
                totals.append(share)
            else:
                totals[index] += share
    return totals


