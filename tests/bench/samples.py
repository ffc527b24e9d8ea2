"""Samples out of the cache, shared memory, scoring, augmix: what surrounds the model."""

import itertools
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from tests.bench import plain_loop
from tests.bench.end_to_end import DATA
from tests.bench.rows import Row
from tests.bench.timing import THREADS, bench_config, median_ratio, open_bench_data, seconds_of
from trashseg_core.config import TrialConfig
from trashseg_core.confusion import count_confusion
from trashseg_core.inference.predict import argmax_labels
from trashseg_core.training.loader import TrainLoader

NUM_TRIALS = 4


def measure_samples(repeats: int) -> list[Row]:
    """All rows that train nothing."""
    rows = [_cache(augment, repeats) for augment in (False, True)]
    return [*rows, _shared_memory(), *_scoring(repeats), *(_augmix(size, repeats) for size in (128, 256))]


def _cache(augment: bool, repeats: int) -> Row:
    config = bench_config(augment="light" if augment else "none")
    loader = TrainLoader(config, open_bench_data(config), THREADS)
    plain = plain_loop.open_photos(DATA, config.image_size, augment)
    count, epochs = min(200, len(plain)), itertools.count(1)

    def own() -> float:
        epoch = next(epochs)
        return count / seconds_of(lambda: [loader.sample(index, epoch, index) for index in range(count)])

    own()
    return Row(
        f"samples out of the cache, {'with' if augment else 'without'} augmentation",
        median_ratio(repeats, own, lambda: count / seconds_of(lambda: [plain[index] for index in range(count)])),
        ">=",
        5 if augment else 15,
        "x",
        "decoding and painting with pycocotools each time, the same augmentation",
        "albumentations' affine transform" if augment else "the seeding of one generator per sample",
    )


def _touch(config: TrialConfig, ready: Connection) -> None:
    """Read every photo of the cache, say so, and stay until told to end."""
    data = open_bench_data(config)
    ready.send(sum(int(split.images[index].sum()) for split in (data.train, data.val) for index in range(len(split))))
    ready.recv()


def _shared_memory() -> Row:
    config = bench_config(image_size=256)
    data = open_bench_data(config)
    size_mb = sum(split.images.nbytes for split in (data.train, data.val)) / 2**20
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(NUM_TRIALS)]
    workers = [context.Process(target=_touch, args=(config, child)) for _, child in pipes]
    for worker in workers:
        worker.start()
    for parent, _ in pipes:
        parent.recv()
    shares = [_pss_of(worker.pid) for worker in workers]
    for parent, _ in pipes:
        parent.send(None)
    for worker in workers:
        worker.join()
    return Row(
        f"memory of {NUM_TRIALS} trials that share a data set",
        sum(shares) / size_mb,
        "<=",
        1.1,
        "copies",
        f"one cache of {size_mb:.0f} MiB",
        "the page cache: one copy for all",
    )


def _pss_of(pid: int | None) -> float:
    """MiB of a process in the mapped cache; a page that n processes share counts 1 / n."""
    kept, total = False, 0
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        if line[:1].isdigit() or line[:1] in "abcdef":
            kept = line.endswith("images.npy")
        elif kept and line.startswith("Pss:"):
            total += int(line.split()[1])
    return total / 1024


def _scoring(repeats: int) -> list[Row]:
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(11, 512, 512)).astype(np.float32))
    truth = rng.integers(0, 11, (98, 512, 512), dtype=np.uint8)

    def score() -> float:
        return seconds_of(lambda: [count_confusion(one, argmax_labels(logits), 11) for one in truth])

    others = {
        "torch.argmax alone": lambda: [logits.argmax(dim=0) for _ in truth],
        "the project's own argmax alone": lambda: [argmax_labels(logits) for _ in truth],
    }
    return [
        Row(
            "per-image confusion matrices of 98 images at 512 px, 11 classes",
            median_ratio(repeats, score, lambda job=job: seconds_of(job)),  # type: ignore[misc]
            "<=",
            1.3,
            "x",
            name,
            "one pass of bincount over the pixels",
        )
        for name, job in others.items()
    ]


def _augmix(size: int, repeats: int) -> Row:
    config = bench_config(image_size=size, augmix_ratio=1.0)
    data, epochs = open_bench_data(config), itertools.count(1)
    both, alone = TrainLoader(config, data, THREADS), TrainLoader(bench_config(image_size=size), data, THREADS)
    count = len(data.train)

    def cost(loader: TrainLoader) -> float:
        epoch = next(epochs)
        return seconds_of(lambda: [loader.sample(index, epoch, index) for index in range(count)])

    return Row(
        f"augmix at ratio 1.0, added cost per sample, {size} px",
        median_ratio(repeats, lambda: cost(both), lambda: cost(alone)) - 1,
        "<=",
        0.25,
        "x",
        "cache and default pipeline (`light`)",
        "the bilinear look-up of the patches' pixels, nearly half of it; the photo's copy; the search for crumbs",
    )
