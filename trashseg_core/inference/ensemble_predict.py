"""Label maps of an ensemble: decoding, networks and decisions side by side, photo after photo."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from trashseg_core.data.photos import MAX_MEGAPIXELS, read_photo
from trashseg_core.data.resize import fit_photo, fitted_size
from trashseg_core.ensemble.loading import LoadedEnsemble
from trashseg_core.inference.decision import scratch
from trashseg_core.inference.predict import first_argmax, predict_logits, to_native

BATCH = 8
BATCHES_AHEAD = 1

Place = tuple[Path, tuple[int, int] | None]
"""Path of a photo, and its (height, width) in px where it is known."""


class Prediction(NamedTuple):
    """What an ensemble says of a photo."""

    rgb: np.ndarray
    """The photo, uint8 (H, W, 3)."""
    labels: np.ndarray
    """uint8 (H, W)"""
    probabilities: np.ndarray | None = None
    """float32 (C, H, W), where they were asked for; the labels are their argmax."""


class Fitted(NamedTuple):
    """A photo, ready for every member."""

    rgb: np.ndarray
    squares: dict[int, np.ndarray]
    """The photo fitted into the square of each size that a member sees."""


def predict_photos(
    ensemble: LoadedEnsemble,
    photos: Sequence[Place],
    max_megapixels: float = MAX_MEGAPIXELS,
    with_probabilities: bool = False,
) -> Iterator[Prediction]:
    """Predict photos one after another; memory does not grow with their number.

    Three stages overlap, so that the networks never wait: threads decode and fit the photos to come, one thread runs
    the networks over batches, and threads decide on the pixels of the batch before.

    Args:
        max_megapixels: larger photos, in 10^6 px, are refused.

    Yields:
        A prediction of every photo once, in the order given.

    Raises:
        BadInput: a photo cannot be read.
    """
    batches = [photos[start : start + BATCH] for start in range(0, len(photos), BATCH)]
    pool, networks = ThreadPoolExecutor(os.cpu_count()), ThreadPoolExecutor(1)

    def start(batch: Sequence[Place]) -> Future[list[Future[Prediction]]]:
        fitted = [pool.submit(_read, ensemble, place, max_megapixels) for place in batch]
        return networks.submit(run, fitted)

    def run(futures: list[Future[Fitted]]) -> list[Future[Prediction]]:
        fitted = [future.result() for future in futures]
        logits = member_logits(ensemble, fitted)
        return [
            pool.submit(decide, ensemble, photo.rgb, [one[index] for one in logits], with_probabilities)
            for index, photo in enumerate(fitted)
        ]

    try:
        running = deque(start(batch) for batch in batches[:BATCHES_AHEAD])
        for number in range(len(batches)):
            running.extend(start(batch) for batch in batches[number + BATCHES_AHEAD : number + BATCHES_AHEAD + 1])
            decided = deque(running.popleft().result())
            while decided:
                yield decided.popleft().result()
    finally:
        networks.shutdown(cancel_futures=True)
        pool.shutdown(cancel_futures=True)


def member_logits(ensemble: LoadedEnsemble, fitted: Sequence[Fitted]) -> list[Tensor]:
    """Run every member over a batch; its logits float32 (B, C, S, S), on the CPU."""
    return [
        predict_logits(
            member.network,
            member.config,
            np.stack([photo.squares[member.config.predict_size] for photo in fitted]),
            member.tta,
        )
        for member in ensemble.members
    ]


def decide(
    ensemble: LoadedEnsemble, rgb: np.ndarray, logits: Sequence[Tensor], with_probabilities: bool = False
) -> Prediction:
    """Turn the logits of a photo, float32 (C, S, S) from each member, into its prediction at its own size."""
    size = (rgb.shape[0], rgb.shape[1])
    native = (
        to_native(
            one, fitted_size(*size, member.config.predict_size), size, scratch("native", (len(one), *size))
        ).numpy()
        for member, one in zip(ensemble.members, logits, strict=True)
    )
    if not with_probabilities:
        return Prediction(rgb, ensemble.decision.labels(rgb, native))
    probabilities = ensemble.decision.probabilities(rgb, native)
    return Prediction(rgb, first_argmax(probabilities), probabilities)


def fit(ensemble: LoadedEnsemble, rgb: np.ndarray) -> Fitted:
    """Fit a decoded photo into every square that the members see."""
    return Fitted(rgb, {size: fit_photo(rgb, size) for size in {one.config.predict_size for one in ensemble.members}})


def _read(ensemble: LoadedEnsemble, place: Place, max_megapixels: float) -> Fitted:
    path, size = place
    return fit(ensemble, read_photo(path, size, max_megapixels))
