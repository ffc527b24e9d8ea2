"""Pixels: the candidates' probabilities at the pixels that decide which of them to average."""

import mmap
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from trashseg_core.confusion import count_confusion
from trashseg_core.data.cache_store import Progress
from trashseg_core.data.label_maps import IGNORED
from trashseg_core.ensemble.grid import Grid
from trashseg_core.ensemble.kernels import gather
from trashseg_core.ensemble.probabilities import StoredPrediction

BLOCK_PX = 1 << 14
"""Pixels that a thread looks at in one go: few enough for the processor's cache."""
FEWER_PIXELS = 1 << 17
"""Pixels that slow methods look at; what they choose is scored on all."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """K candidates, C classes, M pixels of N photos, and the counts of all pixels that are left out."""

    probabilities: np.ndarray
    """uint8 (M, K, C): softmax x 255, rounded; may be mapped from a file."""
    labels: np.ndarray
    """uint8 (M, K): argmax of each candidate, ties to the lower label."""
    truth: np.ndarray
    """uint8 (M,), none ignored."""
    starts: np.ndarray
    """int64 (N + 1,): first pixel of each photo."""
    agreed: np.ndarray
    """int64 (N, C, C): per-image confusion matrices of the pixels that are left out."""
    stride: int = 1
    """Pixels that each of these stands for."""

    @property
    def num_candidates(self) -> int:
        """Number of candidates K."""
        return int(self.probabilities.shape[1])

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return int(self.probabilities.shape[2])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of_photo(self, photo: int) -> slice:
        """The range of a photo's pixels."""
        return slice(int(self.starts[photo]), int(self.starts[photo + 1]))

    def blocks(self, images: np.ndarray) -> list[slice]:
        """The pixels of the wanted photos, in ranges for threads to share.

        Args:
            images: bool (N,).
        """
        edges = np.flatnonzero(np.diff(np.concatenate([[False], images, [False]]).astype(np.int8)))
        ranges = [(int(self.starts[first]), int(self.starts[last])) for first, last in edges.reshape(-1, 2)]
        return [
            slice(start, min(start + BLOCK_PX, last))
            for first, last in ranges
            for start in range(first, last, BLOCK_PX)
        ]

    @cached_property
    def singles(self) -> np.ndarray:
        """Per-image confusion matrices of each candidate alone: int64 (N, K, C, C)."""
        counts = np.empty((len(self), self.num_candidates, self.num_classes, self.num_classes), np.int64)
        for photo in range(len(self)):
            chosen = self.of_photo(photo)
            for number, labels in enumerate(self.labels[chosen].T):
                counts[photo, number] = count_confusion(self.truth[chosen], labels, self.num_classes)
        return self.agreed[:, None] + self.stride * counts

    @cached_property
    def few(self) -> "Pixels":
        """At most `FEWER_PIXELS` of the pixels, evenly spaced, each standing for as many; in memory."""
        stride = -(-len(self.truth) // FEWER_PIXELS) | 1
        kept = np.arange(stride // 2, len(self.truth), stride)
        rows = (self.probabilities[kept], self.labels[kept], self.truth[kept])
        release(self.probabilities)
        return Pixels(*rows, np.searchsorted(kept, self.starts), self.agreed, self.stride * stride)


def find_disagreement(
    predictions: list[StoredPrediction], grid: Grid, folder: Path, progress: Progress | None = None
) -> Pixels:
    """Keep the pixels on which the candidates' labels differ.

    Pixels on which all agree cannot change under any weighted mean of probabilities: the common label is the highest
    of every candidate, so it is that of the mean. They are counted once.

    Args:
        folder: where the unnamed file of the kept probabilities lies; it is gone when the result is.
    """
    agreed = np.zeros((len(grid), grid.num_classes, grid.num_classes), np.int64)
    kept: list[np.ndarray] = []
    for photo in range(len(grid)):
        first, *others = (one.labels(photo) for one in predictions)
        differs = np.zeros(len(first), bool)
        for labels in others:
            differs |= labels != first
        truth = grid.truth_of(photo)
        agreed[photo] = count_confusion(np.where(differs, IGNORED, truth).astype(np.uint8), first, grid.num_classes)
        kept.append(np.flatnonzero(differs & (truth != IGNORED)))
    return _read_pixels(predictions, grid, kept, agreed, folder, progress)


def sample_pixels(predictions: list[StoredPrediction], grid: Grid, most: int) -> Pixels:
    """Take about `most` pixels, evenly spaced over all photos, whether the candidates agree on them or not."""
    stride = -(-len(grid.truth) // most) | 1  # odd: an even one could meet the same columns in every row
    kept = []
    for photo in range(len(grid)):
        start, stop = int(grid.starts[photo]), int(grid.starts[photo + 1])
        here = np.arange(start + (-start) % stride, stop, stride)
        kept.append(here[grid.truth[here] != IGNORED] - start)
    nothing = np.zeros((len(grid), grid.num_classes, grid.num_classes), np.int64)
    return _read_pixels(predictions, grid, kept, nothing, None, None, stride)


def _read_pixels(
    predictions: list[StoredPrediction],
    grid: Grid,
    kept: list[np.ndarray],
    agreed: np.ndarray,
    folder: Path | None,
    progress: Progress | None,
    stride: int = 1,
) -> Pixels:
    """Gather the kept pixels of every photo, photos side by side on all cores."""
    starts = np.concatenate([[0], np.cumsum([len(one) for one in kept])])
    shape = (int(starts[-1]), len(predictions), grid.num_classes)
    probabilities = np.empty(shape, np.uint8) if folder is None else _mapped(folder, shape)
    labels, truth = np.empty(shape[:2], np.uint8), np.empty(shape[0], np.uint8)
    pixels = Pixels(probabilities, labels, truth, starts, agreed, stride)

    def read(photo: int) -> None:
        chosen = pixels.of_photo(photo)
        truth[chosen] = grid.truth_of(photo)[kept[photo]]
        for number, prediction in enumerate(predictions):
            gather(prediction.planes(photo), kept[photo], probabilities[chosen, number])
            labels[chosen, number] = prediction.labels(photo)[kept[photo]]
        release(probabilities[chosen])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(read, range(len(kept))), 1):
            if progress:
                progress(done, len(kept))
    return pixels


def _mapped(folder: Path, shape: tuple[int, ...]) -> np.ndarray:
    """An array in an unnamed file, which no kill leaves behind."""
    size = int(np.prod(shape))
    if size == 0:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile(dir=folder) as stream:
        os.posix_fallocate(stream.fileno(), 0, size)  # a full disk is an error here, not a signal at some write
        return np.frombuffer(mmap.mmap(stream.fileno(), size), np.uint8).reshape(shape)


def release(rows: np.ndarray) -> None:
    """Let go of the resident pages of rows of a mapped array; the file keeps them. No effect on other arrays."""
    owner = rows
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    mapping = owner.base.obj if isinstance(owner.base, memoryview) else None
    if isinstance(mapping, mmap.mmap) and rows.size:
        offset = rows.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
        start = offset // mmap.PAGESIZE * mmap.PAGESIZE
        mapping.madvise(mmap.MADV_DONTNEED, start, offset + rows.nbytes - start)
