"""Ensemble selection against plain numpy: greedy selection of 20 candidates, and the memory of it."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from tests.bench.rows import Row
from tests.bench.timing import seconds_of
from tests.candidates import num_pixels
from trashseg_core.confusion import miou
from trashseg_core.ensemble import pixels
from trashseg_core.ensemble.crossfit import make_folds
from trashseg_core.ensemble.disagreement import find_disagreement, sample_pixels
from trashseg_core.ensemble.grid import Grid
from trashseg_core.ensemble.probabilities import LABELS, PROBABILITIES, StoredPrediction
from trashseg_core.ensemble.select import Selection, select_greedily
from trashseg_core.ensemble.steps import weigh
from trashseg_core.hardware import peak_memory_mb, release_memory, reset_peak_memory

NUM_CANDIDATES = 20
CASES = {"98 images at 512 px, 7 classes": (98, 512, 7), "655 images at 256 px, 11 classes": (655, 256, 11)}
SHARE = 8
"""Plain numpy sees one image in this many, else it would take an hour; so does the other side."""
DISTINCT = 14
"""Images that are generated; the others repeat them."""
COARSE_PX = 16
COMMON, NOISE, FINE_NOISE = 1.5, 0.35, 0.2
"""Candidates err as on garbage6, where five differ on 21 % of the pixels: much together, a little each for itself."""


def measure(repeats: int) -> list[Row]:
    """Both cases: `repeats` timings of both sides in turn on a share of the images, then all of them once."""
    rows = []
    for name, (num_images, side, num_classes) in CASES.items():
        with generated(num_images, side, num_classes) as (grid, predictions):
            count = num_images // SHARE
            part = Grid(grid.shapes[:count], grid.truth[: int(grid.starts[count])], grid.class_names)
            rows.append(_ratio(name, part, [StoredPrediction(one.folder, part) for one in predictions], repeats))
            rows.append(_memory(name, grid, predictions))
    return rows


def _ratio(name: str, grid: Grid, predictions: list[StoredPrediction], repeats: int) -> Row:
    """Time of plain numpy ÷ time from the stored predictions to the picks."""
    arrays = [np.stack([one.planes(photo) for photo in range(len(grid))]) for one in predictions]
    truth = grid.truth.reshape(len(grid), -1)
    own, plain = [], []
    pixels.RESIDENT_BYTES //= SHARE  # of fewer images, no larger part stays in memory than of all
    for _ in range(repeats):
        own.append(_timed(lambda: _select(grid, predictions)))
        plain.append(_timed(lambda: plain_greedy(arrays, truth)))
        if own[-1][1].picks != plain[-1][1].picks or own[-1][1].scores != plain[-1][1].scores:
            raise SystemExit(f"{name}: the picks differ: {own[-1][1]} and {plain[-1][1]}")
    pixels.RESIDENT_BYTES *= SHARE
    ratio = statistics.median(slow / fast for (fast, _), (slow, _) in zip(own, plain, strict=True))
    picks = own[0][1].picks
    print(f"{name}, {len(grid)} of them: own {own[0][0]:.2f} s, plain {plain[0][0]:.1f} s, picks {picks}", flush=True)
    bound = "memory: every pick reads all candidates at the kept pixels"
    return Row(f"greedy selection, {name}", ratio, ">=", 50, "x", "plain numpy, same picks", bound)


def _timed(job: object) -> tuple[float, Selection]:
    started = time.perf_counter()
    result = job()  # type: ignore[operator]
    return time.perf_counter() - started, result


def _select(grid: Grid, predictions: list[StoredPrediction]) -> Selection:
    return select_greedily(find_disagreement(predictions, grid, predictions[0].folder))


def _memory(name: str, grid: Grid, predictions: list[StoredPrediction]) -> Row:
    """Peak resident memory of all that looks at pixels: kept ones, cross-fitted methods, the sample."""
    release_memory()
    reset_peak_memory()
    folds = make_folds(grid.class_counts())

    def run() -> None:
        found = find_disagreement(predictions, grid, predictions[0].folder)
        share = num_pixels(found) / len(grid.truth)
        print(f"{name}: candidates differ on {share:.0%} of the pixels", flush=True)
        weigh(found, folds, ["greedy"])
        sample_pixels(predictions, grid, 1 << 18)

    seconds = seconds_of(run)
    print(f"{name}: cross-fitted greedy selection, six in all, {seconds:.1f} s", flush=True)
    bound = "the running sum, 2 bytes per class and kept pixel"
    return Row(f"peak memory, {name}", peak_memory_mb() / 1024, "<=", 2, "GiB", "resident, whole process", bound)


def plain_greedy(candidates: list[np.ndarray], truth: np.ndarray, max_picks: int = 25) -> Selection:
    """Greedy selection with replacement as one writes it in numpy.

    Args:
        candidates: uint8 (N, C, P) each.
        truth: uint8 (N, P).
    """
    num_images, num_classes = candidates[0].shape[:2]
    running = np.zeros(candidates[0].shape, np.uint16)
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < max_picks:
        tried = []
        for candidate in candidates:
            confusion = np.zeros(num_classes**2, np.int64)
            for image in range(num_images):
                labels = (running[image] + candidate[image]).argmax(axis=0)
                cells = truth[image].astype(np.int64) * num_classes + labels
                confusion += np.bincount(cells, minlength=num_classes**2)
            tried.append(float(miou(confusion.reshape(num_classes, num_classes))))
        best = int(np.argmax(tried))
        if scores and tried[best] <= scores[-1]:
            break
        picks.append(best)
        scores.append(tried[best])
        running += candidates[best]
    return Selection(picks, scores)


@contextmanager
def generated(num_images: int, side: int, num_classes: int) -> Iterator[tuple[Grid, list[StoredPrediction]]]:
    """Stored predictions of candidates that err in patches of their own, and at the edges, as networks do."""
    rng = np.random.default_rng(0)
    coarse = [rng.integers(0, num_classes, (COARSE_PX // 2,) * 2).astype(np.uint8) for _ in range(DISTINCT)]
    truths = [cv2.resize(one, (side, side), interpolation=cv2.INTER_NEAREST).ravel() for one in coarse]
    order = np.arange(num_images) % DISTINCT
    common = [COMMON * rng.normal(size=(num_classes, COARSE_PX, COARSE_PX)) for _ in truths]
    names = [f"class {label}" for label in range(num_classes)]
    grid = Grid([(side, side)] * num_images, np.concatenate([truths[one] for one in order]), names)
    with tempfile.TemporaryDirectory() as folder:
        predictions = []
        for number in range(NUM_CANDIDATES):
            path = Path(folder) / str(number)
            path.mkdir()
            planes = [_planes(rng, *one, side, num_classes) for one in zip(truths, common, strict=True)]
            with open(path / PROBABILITIES, "wb") as probabilities, open(path / LABELS, "wb") as labels:
                for one in order:
                    probabilities.write(planes[one].tobytes())
                    labels.write(planes[one].argmax(axis=0).astype(np.uint8).tobytes())
            predictions.append(StoredPrediction(path, grid))
        yield grid, predictions


def _planes(rng: np.random.Generator, truth: np.ndarray, common: np.ndarray, side: int, num_classes: int) -> np.ndarray:
    """Probabilities x 255 of one candidate for one image: uint8 (C, P)."""
    known = (np.arange(num_classes)[:, None] == truth).astype(np.float32).reshape(num_classes, side, side)
    patches = (common + NOISE * rng.normal(size=common.shape)).astype(np.float32)
    fine = (FINE_NOISE * rng.normal(size=(num_classes, side // 8, side // 8))).astype(np.float32)
    logits = [
        3 * cv2.blur(plane, (side // 40,) * 2) + cv2.resize(patch, (side, side)) + cv2.resize(grain, (side, side))
        for plane, patch, grain in zip(known, patches, fine, strict=True)
    ]
    exact = np.exp(np.stack(logits).reshape(num_classes, -1) * 2)
    return np.rint(255 * exact / exact.sum(axis=0)).astype(np.uint8)
