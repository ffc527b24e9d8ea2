"""The store of what every candidate predicts on val: each is predicted once."""

import hashlib
import json
import mmap
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from trashseg_core.checkpoint import CONFIG, WEIGHTS, read_config, read_network
from trashseg_core.config import TrialConfig
from trashseg_core.data.cache import CachedSplit, open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.disk.files import commit_folder, read_json, write_json
from trashseg_core.disk.full_disk import named_errors
from trashseg_core.ensemble.grid import Grid
from trashseg_core.ensemble.stored_files import LABELS, PROBABILITIES, STATE, fault_in, whole_state
from trashseg_core.errors import BadInput
from trashseg_core.hardware import device
from trashseg_core.inference.predict import first_argmax, predict_logits, to_native

LAYOUT = 1
"""Raised whenever the files of a prediction change their meaning."""


@dataclass(frozen=True)
class StoredPrediction:
    """One candidate's softmax on a grid, in steps of 1/255, and its labels, in files."""

    folder: Path
    grid: Grid

    def planes(self, photo: int) -> np.ndarray:
        """softmax x 255, rounded: uint8 (C, pixels) of one photo. Read, not mapped: it leaves nothing resident."""
        start, stop = (int(one) * self.grid.num_classes for one in self.grid.starts[photo : photo + 2])
        flat = np.fromfile(self.folder / PROBABILITIES, np.uint8, stop - start, offset=start)
        return flat.reshape(self.grid.num_classes, -1)

    def mapped_planes(self, photo: int) -> np.ndarray:
        """The same as `planes`, mapped from the file: for those that look at a part of it and let go of the pages."""
        start, stop = (int(one) * self.grid.num_classes for one in self.grid.starts[photo : photo + 2])
        return self._mapped[start:stop].reshape(self.grid.num_classes, -1)

    @cached_property
    def _mapped(self) -> np.ndarray:
        with open(self.folder / PROBABILITIES, "rb") as stream:
            return np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)

    def labels(self, photo: int) -> np.ndarray:
        """Argmax of `planes`, ties to the lower label: uint8 (pixels,)."""
        start, stop = (int(one) for one in self.grid.starts[photo : photo + 2])
        return np.fromfile(self.folder / LABELS, np.uint8, stop - start, offset=start)

    @cached_property
    def quantisation(self) -> dict[str, float]:
        """What rounding did: the largest error of a probability, and the share of pixels whose label it changed."""
        state = read_json(self.folder / STATE)
        return {"largest_error": state["largest_error"], "labels_changed": state["changed"] / state["looked_at"]}


class FoldModel(NamedTuple):
    """A model that predicts the photos of one fold, which it was not trained on."""

    checkpoint: Path
    stop: int
    """Photo after the last one of the fold; folds lie one after another."""


def prediction_name(models: Sequence[FoldModel], tta: str, grid: Grid, data_key: str) -> str:
    """Name of a stored prediction: a hash of all that it depends on."""
    digest = hashlib.sha256()
    for checkpoint, _ in models:
        digest.update((checkpoint / WEIGHTS).read_bytes() + (checkpoint / CONFIG).read_bytes())
    stops = [stop for _, stop in models[:-1]]
    digest.update(json.dumps([LAYOUT, tta, grid.side, data_key, *([stops] if stops else [])]).encode())
    return digest.hexdigest()[:24]


def predict_folds(
    models: Sequence[FoldModel],
    data: DataFolder,
    grid: Grid,
    store: Path,
    tta: str = "none",
    progress: Callable[[int, int], None] | None = None,
) -> StoredPrediction:
    """Predict val with one configuration, once: a second call finds the files, and one after a kill goes on by photo.

    Args:
        models: of the configuration; each predicts the photos of its fold.
        store: folder of all stored predictions.
        tta: name of the set of views to average.
        progress: called with the number of photos done and of all.
    """
    config = read_config(models[0].checkpoint)
    split = open_split(data, "val", config.predict_size)
    path = store / prediction_name(models, tta, grid, split.key)
    if path.is_dir() and (fault := fault_in(path, grid.starts[-1], grid.num_classes)) is not None:
        print(f"{path}: {fault}. It is predicted again.", flush=True)
        shutil.rmtree(path)
    if not path.is_dir():
        part = path.with_name(path.name + ".part")
        part.mkdir(parents=True, exist_ok=True)
        with named_errors(part):
            _fill(part, models, config, split, grid, tta, progress)
            commit_folder(part, path)
    return StoredPrediction(path, grid)


def _fill(
    part: Path,
    models: Sequence[FoldModel],
    config: TrialConfig,
    split: CachedSplit,
    grid: Grid,
    tta: str,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Append the photos that are not in the files yet; `state.json` counts those that surely are."""
    state: dict[str, Any] = {"photos": 0, "largest_error": 0.0, "changed": 0, "looked_at": 0, "sums": [0, 0]}
    state |= whole_state(part, grid.starts, grid.num_classes) or {}
    done = int(state["photos"])
    mode = "r+b" if done else "wb"
    with open(part / PROBABILITIES, mode) as probabilities, open(part / LABELS, mode) as labels:
        probabilities.seek(int(grid.starts[done]) * grid.num_classes)
        labels.seek(int(grid.starts[done]))
        for batch in _quantised_batches(models, config, split, grid, tta, done):
            for one in batch:
                written = one.planes.tobytes(), first_argmax(one.planes).tobytes()
                probabilities.write(written[0])
                labels.write(written[1])
                state["sums"] = [zlib.crc32(*pair) for pair in zip(written, state["sums"], strict=True)]
                state["largest_error"] = max(state["largest_error"], one.largest_error)
                state["changed"] += one.changed
                state["looked_at"] += one.looked_at
            for stream in (probabilities, labels):
                stream.flush()
                os.fsync(stream.fileno())
            state["photos"] += len(batch)
            write_json(part / STATE, state)
            if progress:
                progress(int(state["photos"]), len(split))


class _Quantised(NamedTuple):
    planes: np.ndarray
    """uint8 (C, h, w)"""
    largest_error: float
    changed: int
    looked_at: int
    """Pixels whose labels were compared, of which `changed` differ."""


def _quantised_batches(
    models: Sequence[FoldModel], config: TrialConfig, split: CachedSplit, grid: Grid, tta: str, first: int
) -> Iterator[list[_Quantised]]:
    """Predict from a photo on; while a network is at a batch, threads scale and round the one before."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def finish(index: int, logits: Tensor) -> _Quantised:
            height, width = split.sizes[index]
            native = to_native(logits, split.extent(index), (int(height), int(width)))
            return _quantise(grid.sample(native.numpy()))

        waiting: list[Future[_Quantised]] = []
        for checkpoint, stop in models:
            if stop <= first:
                continue
            network = read_network(checkpoint, config, grid.num_classes).to(device())
            for start in range(first, stop, config.batch_size):
                images = split.images[start : min(start + config.batch_size, stop)]
                logits = predict_logits(network, config, images, tta)
                if waiting:
                    yield [future.result() for future in waiting]
                waiting = [pool.submit(finish, index, one) for index, one in enumerate(logits, start)]
            first = stop
        yield [future.result() for future in waiting]


def _quantise(logits: np.ndarray) -> _Quantised:
    """Softmax in steps of 1/255. What that changes is looked up in every eighth row.

    Args:
        logits: float32 (C, h, w).
    """
    exact = np.exp(logits - logits.max(axis=0))
    exact *= 255 / exact.sum(axis=0)
    planes = np.rint(exact).astype(np.uint8)
    rows, shown = logits[:, ::8], planes[:, ::8]
    error = float(np.abs(shown - exact[:, ::8]).max()) / 255
    changed = int((first_argmax(rows) != first_argmax(shown)).sum())
    return _Quantised(planes, error, changed, rows[0].size)


def make_room(store: Path, kept: set[str], needed: int, budget: int) -> None:
    """Remove predictions that no candidate needs any more, the oldest first, until the budget holds.

    Args:
        kept: names of the predictions to keep.
        needed: bytes of those of them that are not finished; what their `.part` folders hold is among them.
        budget: most bytes of the folder.

    Raises:
        BadInput: the kept ones and the new ones are more than the budget or the disk takes; nothing is removed.
    """
    store.mkdir(parents=True, exist_ok=True)
    folders = sorted((one for one in store.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
    sizes = {one: sum(file.stat().st_size for file in one.iterdir()) for one in folders}
    spare = [one for one in folders if one.name.removesuffix(".part") not in kept]
    begun = [one for one in folders if one not in spare and one.suffix == ".part" and not one.with_suffix("").is_dir()]
    needed = max(needed - sum(sizes[one] for one in begun), 0)
    total, free = sum(sizes.values()), shutil.disk_usage(store).free
    gained = sum(sizes[one] for one in spare)
    room = min(budget - total + gained, 0.9 * (free + gained))
    if needed > room:
        raise BadInput(
            f"{store}: predictions take {needed / 1e9:.1f} GB more, but {max(room, 0) / 1e9:.1f} GB are allowed or "
            "free. Raise `--store-gb`, make room, or choose a smaller `--top-k` or `--ensemble-size 256`."
        )
    for folder in spare:
        if total + needed <= budget and needed <= 0.9 * shutil.disk_usage(store).free:
            return
        shutil.rmtree(folder)
        total -= sizes[folder]
