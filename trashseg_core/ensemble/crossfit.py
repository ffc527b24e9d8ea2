"""Cross-fitting: what chooses on some photos is scored on others, and the simpler of equals wins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from trashseg_core.bootstrap import miou_interval
from trashseg_core.confusion import bootstrap_miou, miou
from trashseg_core.data.folds import stratified_split

NUM_FOLDS = 5
Fitted = TypeVar("Fitted")


def make_folds(counts: np.ndarray, num_folds: int = NUM_FOLDS, seed: int = 0) -> np.ndarray:
    """Deal photos into folds so that each has its part of every class (`folds.stratified_split`).

    Args:
        counts: int (N, C), pixels of each class in each photo.

    Returns:
        int64 (N,), fold of each photo; at most N folds, and 1 for a single photo.
    """
    num_photos = len(counts)
    return stratified_split(counts > 0, range(num_photos), (1,) * min(num_folds, num_photos), seed)


def crossfit(fit: Callable[[np.ndarray], Fitted], folds: np.ndarray) -> tuple[Fitted, list[Fitted]]:
    """Fit on all photos, and once without each fold.

    Args:
        fit: called with bool (N,), the photos that it may look at.

    Returns:
        The fit on all; for each photo, the fit that did not see its fold.
    """
    without = [fit(folds != fold) for fold in range(int(folds.max()) + 1)]
    return fit(np.ones(len(folds), bool)), [without[fold] for fold in folds]


@dataclass(frozen=True)
class Outcome:
    """What one way of combining the candidates reached on val."""

    name: str
    in_sample: np.ndarray
    """int64 (N, C, C), fitted on the same photos."""
    held_out: np.ndarray
    """int64 (N, C, C), each photo scored with what the other folds chose."""
    seconds: float
    """What it took to find out."""
    choice: Any = None
    """Whatever the caller has to know of it."""

    @property
    def val_miou(self) -> float:
        """In-sample mIoU."""
        return float(miou(self.in_sample.sum(axis=0)))

    @property
    def held_out_miou(self) -> float:
        """Held-out mIoU."""
        return float(miou(self.held_out.sum(axis=0)))


def paired_error(one: np.ndarray, other: np.ndarray) -> float:
    """Standard error of the difference of two mIoUs: the same photos are drawn for both (paired bootstrap).

    Args:
        one: per-image confusion matrices int64 (N, C, C); `other` those of the same photos.
    """
    return float(np.nanstd(bootstrap_miou(one) - bootstrap_miou(other)))


def interval(held_out: np.ndarray, test_size: int | None = None) -> list[float]:
    """90 % interval of a dataset-level mIoU, or of that on a test set (`bootstrap.miou_interval`): low, high."""
    return list(miou_interval(held_out, test_size))


def simplest(outcomes: Sequence[Outcome]) -> tuple[int, list[float]]:
    """The one-standard-error rule (Breiman et al. 1984), with a paired error.

    Args:
        outcomes: the simplest first.

    Returns:
        Number of the first whose held-out mIoU lies at most one standard error of the difference below the best;
        that error for each.
    """
    reached = [outcome.held_out_miou for outcome in outcomes]
    best = int(np.argmax(reached))
    errors = [paired_error(outcomes[best].held_out, outcome.held_out) for outcome in outcomes]
    chosen = next(
        number
        for number, (score, error) in enumerate(zip(reached, errors, strict=True))
        if number == best or reached[best] - score <= error
    )
    return chosen, errors
