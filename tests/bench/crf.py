"""Dense CRF: seconds per photo on one core, against plain numpy and scipy, and on all cores."""

import os
import statistics
import time
from collections.abc import Callable
from itertools import cycle, islice

import cv2
import numpy as np

from tests.bench import plain_crf
from tests.bench.end_to_end import DATA
from tests.bench.rows import Row
from tests.bench.timing import median_ratio, seconds_of
from trashseg_core.data.photos import read_photo
from trashseg_core.inference.crf import CrfSettings, PhotoAndProbabilities, dense_crf, dense_crf_many

NUM_CLASSES = 11
SIZE_PX = 512
PHOTOS = 6
SETTINGS = CrfSettings()


def measure(repeats: int) -> list[Row]:
    """Measure every figure `repeats` times."""
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is missing: the crf bench needs the real photos.")
    photos = _photos()
    dense_crf(*photos[0], SETTINGS)  # compile
    return [_seconds(photos, repeats), _over_plain(photos, repeats), _threads(photos, repeats)]


def _photos() -> list[PhotoAndProbabilities]:
    """Real photos, each with smooth random probabilities."""
    rng = np.random.default_rng(0)
    paths = sorted((DATA / "images" / "valid").glob("*.jpg"))
    photos = []
    for path in paths[:: len(paths) // PHOTOS][:PHOTOS]:
        rgb = cv2.resize(read_photo(path), (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)
        noise = rng.normal(size=(NUM_CLASSES, SIZE_PX, SIZE_PX)).astype(np.float32)
        scores = np.exp(30 * np.stack([cv2.GaussianBlur(one, (0, 0), 8) for one in noise]))
        photos.append((rgb, scores / scores.sum(axis=0)))
    return photos


def _core_seconds(job: Callable[[], object]) -> float:
    """Processor time of this thread alone: what others do on the machine counts little."""
    started = time.thread_time()
    job()
    return time.thread_time() - started


def _seconds(photos: list[PhotoAndProbabilities], repeats: int) -> Row:
    times = [_core_seconds(lambda one=one: dense_crf(*one, SETTINGS)) for one in photos * repeats]  # type: ignore[misc]
    return Row(
        f"dense CRF, {SIZE_PX} px, {NUM_CLASSES} classes, {SETTINGS.iterations} iterations",
        statistics.median(times),
        "<=",
        0.8,
        "s of one core",
        f"the clock; median over {PHOTOS} photos",
        "memory: splat, blur and slice of the lattice",
    )


def _over_plain(photos: list[PhotoAndProbabilities], repeats: int) -> Row:
    mine, other = cycle(photos), cycle(photos)
    return Row(
        "dense CRF over plain",
        median_ratio(
            repeats,
            lambda: 1 / _core_seconds(lambda: dense_crf(*next(mine), SETTINGS)),
            lambda: 1 / _core_seconds(lambda: plain_crf.dense_crf(*next(other), SETTINGS)),
        ),
        ">=",
        2.5,
        "x",
        "the same lattice as scipy sparse matrices, scipy's gaussian_filter, the same core",
        "both sides wait for the same memory; the gain is in build, Gaussian and softmax",
    )


def _threads(photos: list[PhotoAndProbabilities], repeats: int) -> Row:
    cores = os.cpu_count() or 1
    many = list(islice(cycle(photos), 4 * cores))

    def photos_per_s(num_threads: int) -> float:
        return 1 / seconds_of(lambda: list(dense_crf_many(many, SETTINGS, num_threads)))

    return Row(
        f"dense CRF of many photos, {cores} threads",
        median_ratio(repeats, lambda: photos_per_s(cores), lambda: photos_per_s(1)),
        ">=",
        0.8 * cores,
        "x",
        "one thread",
        "the cores' shared cache and memory",
    )
