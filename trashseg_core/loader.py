"""Batches of augmented training samples, made in threads ahead of the model."""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trashseg_core.augment.augmix import Augmix
from trashseg_core.augment.pipelines import Pipeline
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import TrainingData

BATCHES_AHEAD = 3


class Batch(NamedTuple):
    """Training samples of one optimizer step."""

    images: Tensor
    """uint8 (B, 3, S, S) in channels-last memory"""
    target: Tensor
    """int64 (B, S, S)"""
    views: Tensor | None = None
    """uint8 (2, B, 3, S, S): two AugMix views of each image, where `jsd_weight` is on"""


class TrainLoader:
    """Serves the train split. Every sample's randomness is a function of (seed, epoch, position in the epoch).

    So the order of threads does not matter, and a resumed training sees what an uninterrupted one would have seen.
    """

    def __init__(self, config: TrialConfig, data: TrainingData, num_threads: int = 1) -> None:
        self._config, self._split, self._num_threads = config, data.train, max(1, num_threads)
        self._augmix = Augmix(config, data.bank) if data.bank is not None else None
        self._per_thread = threading.local()
        self.num_batches = -(-len(data.train) // config.batch_size)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of one epoch, counted from 1: all photos in random order.

        The last batch is filled up with the first photos of the epoch, so that every batch is full (BatchNorm fails
        on a rest of one).

        Yields:
            Batches of `batch_size` samples.
        """
        batch_size = self._config.batch_size
        order = np.random.default_rng((self._config.seed, epoch)).permutation(len(self._split))
        order = np.resize(order, self.num_batches * batch_size)
        with ThreadPoolExecutor(self._num_threads) as pool:
            pending: deque[list[Future[None] | np.ndarray]] = deque()
            for start in range(0, len(order), batch_size):
                pending.append(self._submit(pool, epoch, start, order[start : start + batch_size]))
                if len(pending) > BATCHES_AHEAD:
                    yield _finish(pending.popleft())
            while pending:
                yield _finish(pending.popleft())

    def _submit(self, pool: ThreadPoolExecutor, epoch: int, start: int, chosen: np.ndarray) -> list:
        size = self._config.image_size
        images = np.empty((len(chosen), size, size, 3), np.uint8)
        labels = np.empty((len(chosen), size, size), np.uint8)

        def make(place: int, index: int) -> None:
            images[place], labels[place] = self.sample(index, epoch, start + place)

        return [images, labels, *(pool.submit(make, place, int(index)) for place, index in enumerate(chosen))]

    def sample(self, index: int, epoch: int, position: int) -> tuple[np.ndarray, np.ndarray]:
        """Make one training sample: augmix on the raw photo, then the pipeline.

        Returns:
            image uint8 (S, S, 3), labels uint8 (S, S).
        """
        rng = np.random.default_rng((self._config.seed, epoch, position, 1))
        image, labels = self._split.images[index], self._split.labels[index]
        if self._augmix is not None:
            image, labels = self._augmix(image, labels, self._split.extent(index), rng)
        if not hasattr(self._per_thread, "pipeline"):
            self._per_thread.pipeline = Pipeline(self._config)
        return self._per_thread.pipeline(image, labels, rng)


def _finish(batch: list) -> Batch:
    images, labels, *made = batch
    for future in made:
        future.result()
    return Batch(torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels).long())
