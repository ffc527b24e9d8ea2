"""Batches of augmented training samples, made in threads ahead of the model."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trashseg_core.augment.sample import Sample, SampleMaker
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import TrainingData
from trashseg_core.training.photo_draw import PhotoDraw
from trashseg_core.training.ranks import ALONE, Ranks

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

    def __init__(self, config: TrialConfig, data: TrainingData, num_threads: int = 1, ranks: Ranks = ALONE) -> None:
        """Prepare the drawing and making of samples.

        Args:
            ranks: of `size` ranks, the one called `rank` gets every size-th sample of a batch from its rank-th on, so
                that parts of the shares make up parts of the batch.

        Raises:
            BadInput: `augmix_classes` lists a class that has no objects.
        """
        self._config, self._num_threads, self._ranks = config, max(1, num_threads), ranks
        self._draw = PhotoDraw(config, data.train, len(data.pseudo) if data.pseudo is not None else 0)
        self._make = SampleMaker(config, data, self._draw)
        self.num_batches = -(-len(data.train) // config.batch_size)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of one epoch, counted from 1: all photos in random order, or drawn by rare classes.

        The last batch is filled up with the first photos of the epoch, so that every batch is full (BatchNorm fails
        on a rest of one).

        Yields:
            Batches of `batch_size` samples, or this rank's share of them.
        """
        batch_size = self._config.batch_size
        order = self._draw.epoch(epoch, self.num_batches * batch_size)
        with ThreadPoolExecutor(self._num_threads) as pool:
            pending: deque[list[Future[None] | np.ndarray]] = deque()
            for start in range(0, len(order), batch_size):
                places = np.arange(start, start + batch_size)[self._ranks.rank :: self._ranks.size]
                pending.append(self._submit(pool, epoch, places, order[places]))
                if len(pending) > BATCHES_AHEAD:
                    yield _finish(pending.popleft())
            while pending:
                yield _finish(pending.popleft())

    def _submit(self, pool: ThreadPoolExecutor, epoch: int, places: np.ndarray, chosen: np.ndarray) -> list:
        size, count = self._config.image_size, len(chosen)
        images = np.empty((count, size, size, 3), np.uint8)
        labels = np.empty((count, size, size), np.uint8)
        views = np.empty((2 if self._config.jsd_weight else 0, count, size, size, 3), np.uint8)

        def make(place: int, index: int) -> None:
            sample = self.sample(index, epoch, int(places[place]))
            images[place], labels[place] = sample.image, sample.labels
            if sample.views is not None:
                views[:, place] = sample.views

        made = (pool.submit(make, place, int(index)) for place, index in enumerate(chosen))
        return [images, labels, views, *made]

    def sample(self, index: int, epoch: int, position: int) -> Sample:
        """Make one training sample.

        Args:
            index: photo of the train split, or behind its end of the pseudo-labelled ones.
            epoch: counted from 1; with the position in it and the seed, all that the randomness depends on.
        """
        return self._make(index, np.random.default_rng((self._config.seed, epoch, position, 1)))


def _finish(batch: list) -> Batch:
    images, labels, views, *made = batch
    for future in made:
        future.result()
    return Batch(
        torch.from_numpy(images).permute(0, 3, 1, 2),
        torch.from_numpy(labels).long(),
        torch.from_numpy(views).permute(0, 1, 4, 2, 3) if len(views) else None,
    )
