"""Pixels: the candidates' probabilities at some pixels of every photo, in tiles that threads share."""

import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trashseg_core.ensemble.kernels import PADDING, TILE_PX, count_singles

BLOCK_TILES = 1 << 8
"""Tiles that a thread looks at in one go."""
RESIDENT_BYTES = 400 << 20
"""Probabilities that stay in memory from one pass to the next; those beyond are read from their file each time."""
FEWER_PIXELS = 1 << 17
"""Pixels that slow methods look at; what they choose is scored on all."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """K candidates, C classes, T tiles of 64 pixels of N photos, and the counts of all pixels that are left out.

    A tile belongs to one photo; the last one of a photo is filled up with pixels of truth 255.
    """

    probabilities: np.ndarray
    """uint8 (T, K, C, 64): softmax x 255, rounded; may be mapped from a file."""
    truth: np.ndarray
    """uint8 (T, 64)"""
    starts: np.ndarray
    """int64 (N + 1,): first tile of each photo."""
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
        """The range of a photo's tiles."""
        return slice(int(self.starts[photo]), int(self.starts[photo + 1]))

    def tiles_of(self, images: np.ndarray) -> np.ndarray:
        """Which tiles belong to the wanted photos, bool (T,).

        Args:
            images: bool (N,).
        """
        return np.repeat(images, np.diff(self.starts))

    def blocks(self, images: np.ndarray) -> list[slice]:
        """The tiles of the wanted photos, in ranges for threads to share.

        Args:
            images: bool (N,).
        """
        edges = np.flatnonzero(np.diff(np.concatenate([[False], images, [False]]).astype(np.int8)))
        ranges = [(int(self.starts[first]), int(self.starts[last])) for first, last in edges.reshape(-1, 2)]
        return [
            slice(start, min(start + BLOCK_TILES, last))
            for first, last in ranges
            for start in range(first, last, BLOCK_TILES)
        ]

    def let_go(self, tiles: slice) -> None:
        """Release the pages of tiles that more passes will look at, unless they are among those that may stay."""
        if tiles.stop * self.probabilities[:1].nbytes > RESIDENT_BYTES:
            release(self.probabilities[tiles])

    def flat(self, values: np.ndarray, images: np.ndarray) -> np.ndarray:
        """What is known of the pixels of the wanted photos, one after another, without the filling.

        Args:
            values: (T, ..., 64).
            images: bool (N,).

        Returns:
            (M, ...).
        """
        wanted = self.tiles_of(images)
        return np.asarray(np.moveaxis(values[wanted], -1, 1)[self.truth[wanted] != PADDING])

    @cached_property
    def singles(self) -> np.ndarray:
        """Per-image confusion matrices of each candidate alone: int64 (N, K, C, C)."""
        counts = np.zeros((len(self), self.num_candidates, self.num_classes, self.num_classes), np.int64)

        def count(photo: int) -> None:
            chosen = self.of_photo(photo)
            count_singles(self.probabilities[chosen], self.truth[chosen], counts[photo])
            release(self.probabilities[chosen])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(count, range(len(self))))
        return np.asarray(self.agreed[:, None] + self.stride * counts)

    @cached_property
    def few(self) -> "Pixels":
        """At most `FEWER_PIXELS` of the pixels."""
        return self.thinned(FEWER_PIXELS)

    def only(self, images: np.ndarray) -> "Pixels":
        """The pixels of some photos, side by side; in memory.

        Args:
            images: bool (N,).
        """
        wanted, lengths = self.tiles_of(images), np.diff(self.starts)[images]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        return Pixels(self.probabilities[wanted], self.truth[wanted], starts, self.agreed[images], self.stride)

    def thinned(self, most: int) -> "Pixels":
        """At most so many of the pixels, evenly spaced, each standing for as many; in memory."""
        real = np.flatnonzero(self.truth.ravel() != PADDING)
        stride = -(-len(real) // most) | 1
        kept = real[stride // 2 :: stride]
        rows = self.probabilities[kept // TILE_PX, :, :, kept % TILE_PX]
        release(self.probabilities)
        starts, places = tile_places(np.diff(np.searchsorted(kept, self.starts * TILE_PX)))
        probabilities, truth = empty_tiles(int(starts[-1]), self.num_candidates, self.num_classes)
        probabilities[places // TILE_PX, :, :, places % TILE_PX] = rows
        truth.reshape(-1)[places] = self.truth.ravel()[kept]
        return Pixels(probabilities, truth, starts, self.agreed, self.stride * stride)


def tile_places(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where pixels go in tiles.

    Args:
        counts: int (N,), pixels of each photo.

    Returns:
        int64 (N + 1,), first tile of each photo; int64 (M,), tile x 64 + place of each pixel.
    """
    starts = np.concatenate([[0], np.cumsum(-(-counts // TILE_PX))]).astype(np.int64)
    first = np.cumsum(counts) - counts
    return starts, np.arange(int(np.sum(counts))) + np.repeat(starts[:-1] * TILE_PX - first, counts)


def empty_tiles(num_tiles: int, num_candidates: int, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of zero, and a truth that is filling only."""
    probabilities = np.zeros((num_tiles, num_candidates, num_classes, TILE_PX), np.uint8)
    return probabilities, np.full((num_tiles, TILE_PX), PADDING, np.uint8)


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
