"""Random candidates of an ensemble for tests: stored predictions, and the plain definition of their mean's score."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from trashseg_core.confusion import miou
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.grid import Grid
from trashseg_core.ensemble.pixels import Pixels
from trashseg_core.ensemble.probabilities import (
    LABELS,
    PROBABILITIES,
    STATE,
    FoldModel,
    StoredPrediction,
    predict_folds,
)


def random_grid(seed: int = 0, classes: int = 3, shapes: tuple[tuple[int, int], ...] = ((6, 7),) * 6) -> Grid:
    """Photos of random labels; a few pixels are ignored."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, sum(height * width for height, width in shapes)).astype(np.uint8)
    truth[rng.random(truth.size) < 0.05] = 255
    return Grid(list(shapes), truth, [f"class {label}" for label in range(classes)])


def random_planes(grid: Grid, candidates: int = 4, seed: int = 0, skill: float = 0.35) -> list[np.ndarray]:
    """Probabilities x 255 of candidates that know the truth a little: uint8 (C, P) each."""
    rng = np.random.default_rng(seed)
    knows = np.arange(grid.num_classes)[:, None] == grid.truth
    scores = [rng.random(knows.shape) + skill * knows for _ in range(candidates)]
    return [np.round(255 * one / one.sum(axis=0)).astype(np.uint8) for one in scores]


def store(folder: Path, grid: Grid, planes: list[np.ndarray]) -> list[StoredPrediction]:
    """Write predictions as `predict_folds` does."""
    predictions = []
    for number, one in enumerate(planes):
        path = folder / f"candidate{number}"
        path.mkdir(parents=True)
        parts = [one[:, start:stop] for start, stop in zip(grid.starts, grid.starts[1:], strict=False)]
        (path / PROBABILITIES).write_bytes(b"".join(part.tobytes() for part in parts))
        (path / LABELS).write_bytes(one.argmax(axis=0).astype(np.uint8).tobytes())
        (path / STATE).write_text(json.dumps({"largest_error": 0.0, "changed": 0, "looked_at": 1}))
        predictions.append(StoredPrediction(path, grid))
    return predictions


def predict_candidate(
    checkpoint: Path,
    data: DataFolder,
    grid: Grid,
    folder: Path,
    tta: str = "none",
    progress: Callable[[int, int], None] | None = None,
) -> StoredPrediction:
    """Predict val with one checkpoint for all photos."""
    return predict_folds([FoldModel(checkpoint, len(grid))], data, grid, folder, tta, progress)


def num_pixels(pixels: Pixels) -> int:
    """Number of pixels, the filling of the tiles left out."""
    return int(np.count_nonzero(pixels.truth != 255))


def plain_confusions(grid: Grid, planes: list[np.ndarray], weights: list[float] | np.ndarray) -> np.ndarray:
    """Per-image confusion matrices of a weighted mean, by the definition; weights (K,) or (K, C)."""
    total = sum(
        np.broadcast_to(weight, grid.num_classes)[:, None] * one.astype(np.float64)
        for weight, one in zip(np.asarray(weights, np.float64), planes, strict=True)
    )
    confusions = np.zeros((len(grid), grid.num_classes, grid.num_classes), np.int64)
    image = np.repeat(np.arange(len(grid)), np.diff(grid.starts))
    labels = np.asarray(total).argmax(axis=0)
    seen = grid.truth != 255
    np.add.at(confusions, (image[seen], grid.truth[seen], labels[seen]), 1)
    return confusions


def plain_selection(
    grid: Grid, planes: list[np.ndarray], images: np.ndarray, max_picks: int
) -> tuple[list[int], list[float]]:
    """Greedy selection with replacement, by the definition."""
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < max_picks:
        counts = [np.bincount([*picks, one], minlength=len(planes)) for one in range(len(planes))]
        tried = [float(miou(plain_confusions(grid, planes, one)[images].sum(axis=0))) for one in counts]
        best = max(range(len(tried)), key=lambda one: (tried[one], -one))
        if scores and tried[best] <= scores[-1]:
            break
        picks.append(best)
        scores.append(tried[best])
    return picks, scores
