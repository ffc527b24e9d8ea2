"""Offsets of the classes' log probabilities: the argmax is not the best rule for mIoU with rare classes."""

import numpy as np

from trashseg_core.confusion import miou

SPAN, NUM_STEPS = 1.5, 61
"""Offsets from -1.5 to 1.5: probabilities are multiplied by 0.22 to 4.5, in steps of 5 %."""
MAX_SWEEPS = 4
GRID = np.linspace(-SPAN, SPAN, NUM_STEPS)
NEVER = len(GRID)


def fit_offsets(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Coordinate ascent on dataset-level mIoU: for one class after another, every offset of a grid is tried.

    A pixel turns to a class at one threshold of that class's offset, so that a histogram of the thresholds gives the
    confusion matrices of the whole grid at once.

    Args:
        scores: float32 (M, C), mean probabilities in any unit.
        truth: uint8 (M,), none ignored.

    Returns:
        float64 (C,), that of the background 0 (only differences count).
    """
    num_classes = scores.shape[1]
    logs = np.log(np.maximum(scores, 1e-3 * max(float(scores.max(initial=0)), 1e-30)))
    offsets = np.zeros(num_classes)
    if not len(truth):
        return offsets
    reached = float(miou(_tabulate(logs, truth, 0)[NUM_STEPS // 2]))
    for _ in range(MAX_SWEEPS):
        before = reached
        for label in range(num_classes):
            tried = np.asarray(miou(_tabulate(logs + (offsets * (np.arange(num_classes) != label)), truth, label)))
            best = float(tried.max())
            if best > reached:
                level = np.flatnonzero(tried == best)
                offsets[label] = GRID[level[np.argmin(np.abs(GRID[level]))]]
                reached = best
        if reached <= before:
            break
    return np.asarray(offsets - offsets[0])


def _tabulate(logs: np.ndarray, truth: np.ndarray, label: int) -> np.ndarray:
    """Confusion matrices for every offset of one class: int64 (steps, C, C).

    Args:
        logs: log scores (M, C), the other classes' offsets added.
    """
    num_classes = logs.shape[1]
    own = logs[:, label]
    others = logs.copy()
    others[:, label] = -np.inf
    rival = others.argmax(axis=1)
    needed = others[np.arange(len(rival)), rival] - own
    # Ties go to the lower label, as in `first_argmax`.
    step = np.where(label < rival, np.searchsorted(GRID, needed), np.searchsorted(GRID, needed, side="right"))
    cells = (step * num_classes + truth) * num_classes + rival
    counts = np.bincount(cells, minlength=(NEVER + 1) * num_classes**2).reshape(NEVER + 1, num_classes, num_classes)
    turned = np.cumsum(counts, axis=0)[:NEVER]
    confusions = counts.sum(axis=0) - turned
    confusions[:, :, label] += turned.sum(axis=2)
    return np.asarray(confusions)
