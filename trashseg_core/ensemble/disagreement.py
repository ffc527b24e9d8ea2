"""The pixels that decide which candidates to average: those on which they disagree, or a sample of all."""

import mmap
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from trashseg_core.confusion import count_confusion
from trashseg_core.data.cache_store import Progress
from trashseg_core.data.label_maps import IGNORED
from trashseg_core.disk.full_disk import named_errors
from trashseg_core.ensemble.grid import Grid
from trashseg_core.ensemble.kernels import TILE_PX, gather
from trashseg_core.ensemble.pixels import Pixels, empty_tiles, release, tile_places
from trashseg_core.ensemble.probabilities import StoredPrediction


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

    def differing(photo: int) -> np.ndarray:
        first, *others = (one.labels(photo) for one in predictions)
        differs = np.zeros(len(first), bool)
        for labels in others:
            differs |= labels != first
        truth = grid.truth_of(photo)
        agreed[photo] = count_confusion(np.where(differs, IGNORED, truth).astype(np.uint8), first, grid.num_classes)
        return np.flatnonzero(differs & (truth != IGNORED))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        kept = list(pool.map(differing, range(len(grid))))
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
    starts, _ = tile_places(np.array([len(one) for one in kept]))
    probabilities, truth = empty_tiles(int(starts[-1]) if folder is None else 0, len(predictions), grid.num_classes)
    if folder is not None:
        probabilities = _mapped(folder, (int(starts[-1]), *probabilities.shape[1:]))
        truth = np.full((len(probabilities), TILE_PX), IGNORED, np.uint8)
    pixels = Pixels(probabilities, truth, starts, agreed, stride)

    def read(photo: int) -> None:
        chosen = pixels.of_photo(photo)
        truth[chosen].reshape(-1)[: len(kept[photo])] = grid.truth_of(photo)[kept[photo]]
        for number, prediction in enumerate(predictions):
            planes = prediction.mapped_planes(photo)
            gather(planes, kept[photo], probabilities[chosen, number])
            release(planes)
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
        with named_errors(folder / "pixels"):
            os.posix_fallocate(stream.fileno(), 0, size)  # a full disk is an error here, not a signal at some write
        return np.frombuffer(mmap.mmap(stream.fileno(), size), np.uint8).reshape(shape)
