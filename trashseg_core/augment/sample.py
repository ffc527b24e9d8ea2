"""Samples of the train split: a photo and everything that training does to it."""

import threading
from typing import NamedTuple

import numpy as np

from trashseg_core.augment.augmix import Augmix
from trashseg_core.augment.color_augmix import color_augmix
from trashseg_core.augment.crop import random_crop
from trashseg_core.augment.mixing import classmix, cutmix, mosaic
from trashseg_core.augment.pipelines import Pipeline
from trashseg_core.augment.square import Square
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import TrainingData
from trashseg_core.training.photo_draw import PhotoDraw


class Sample(NamedTuple):
    """What the network sees of one photo."""

    image: np.ndarray
    """uint8 (S, S, 3)"""
    labels: np.ndarray
    """uint8 (S, S); 255 = ignored"""
    views: np.ndarray | None = None
    """uint8 (2, S, S, 3): two AugMix views of the image, where `jsd_weight` is on"""


class SampleMaker:
    """Makes training samples; threads may share it. An ingredient whose ratio is 0 costs and draws nothing."""

    def __init__(self, config: TrialConfig, data: TrainingData, draw: PhotoDraw) -> None:
        """Look up what the samples are made of.

        Raises:
            BadInput: `augmix_classes` lists a class that has no objects.
        """
        self._config, self._draw = config, draw
        splits = [data.train, *([data.pseudo] if data.pseudo is not None else [])]
        self._arrays = [(np.asarray(split.images), np.asarray(split.labels)) for split in splits]
        self._extents = [split.extent(index) for split in splits for index in range(len(split))]
        self._num_truth = len(data.train)
        self._augmix = None
        if config.augmix_ratio:
            assert data.bank is not None, "data opened without `augmix_ratio`"
            self._augmix = Augmix(config, data.bank, data.train.class_names)
        self._crops = config.predict_size > config.image_size or (config.scale_min, config.scale_max) != (1, 1)
        self._per_thread = threading.local()

    def __call__(self, index: int, rng: np.random.Generator) -> Sample:
        """Make a sample: mixing of raw photos, augmix, crop, pipeline, AugMix of colours.

        Args:
            index: photo of the train split, or behind its end of the pseudo-labelled ones.
            rng: where all randomness comes from.
        """
        config = self._config
        square = self._mixed(self._square(index), rng)
        if self._augmix is not None:
            square = Square(*self._augmix(square.image, square.labels, square.extent, rng), square.extent)
        image, labels = square.image, square.labels
        if self._crops:
            image, labels = random_crop(square, config.image_size, (config.scale_min, config.scale_max), rng)
        image, labels = self._pipeline()(image, labels, rng)
        if not config.color_augmix_ratio:
            return Sample(image, labels)
        chosen = rng.random() < config.color_augmix_ratio
        if config.jsd_weight:
            views = [color_augmix(image, config.color_augmix_severity, rng) if chosen else image for _ in range(2)]
            return Sample(image, labels, np.stack(views))
        return Sample(color_augmix(image, config.color_augmix_severity, rng) if chosen else image, labels)

    def _square(self, index: int) -> Square:
        is_pseudo = index >= self._num_truth
        images, labels = self._arrays[is_pseudo]
        place = index - self._num_truth if is_pseudo else index
        return Square(images[place], labels[place], self._extents[index])

    def _mixed(self, square: Square, rng: np.random.Generator) -> Square:
        """Mix other photos in, each kind by its own chance."""
        config = self._config
        if config.mosaic_ratio and rng.random() < config.mosaic_ratio:
            square = mosaic([square, *(self._square(self._draw.other(rng)) for _ in range(3))], rng)
        if config.cutmix_ratio and rng.random() < config.cutmix_ratio:
            square = cutmix(square, self._square(self._draw.other(rng)), rng)
        if config.classmix_ratio and rng.random() < config.classmix_ratio:
            square = classmix(square, self._square(self._draw.other(rng)), rng)
        return square

    def _pipeline(self) -> Pipeline:
        if not hasattr(self._per_thread, "pipeline"):
            self._per_thread.pipeline = Pipeline(self._config)
        return self._per_thread.pipeline
