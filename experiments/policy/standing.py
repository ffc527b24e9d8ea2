"""The standing of trials of unequal length: which share of the others each one beats."""

import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from experiments.journal import TrialRecord


def standings(records: Sequence[TrialRecord], objective: str) -> dict[str, float]:
    """Rank trials by what they had reached at the same age.

    Two trials are compared by their best values so far at the last epoch that both reached. So a young trial that is
    ahead of where a long one was at its age stands above it; comparing depth first, as Optuna ranks pruned trials,
    would prefer whatever was promoted early, and comparing last values would prefer whatever ran longest.

    Args:
        records: trials in the order of their numbers.
        objective: name of the metric, higher is better.

    Returns:
        For each trial that reported an epoch and did not fail, the share in [0, 1] of the other such trials that it
        beats; a draw counts one half.
    """
    kept = [(one, best) for one in records if one.status != "failed" and (best := _best_so_far(one, objective))]
    if not kept:
        return {}
    reached = np.array([len(best) for _, best in kept])
    wins = np.zeros(len(kept))
    for age in np.unique(reached):  # few, since most trials end at a rung
        alive = np.flatnonzero(reached >= age)
        values = np.array([kept[number][1][age - 1] for number in alive])
        ends = reached[alive] == age
        wins[alive[ends]] += _beaten(values[ends], values) - 0.5  # all but itself
        wins[alive[~ends]] += _beaten(values[~ends], values[ends])
    return {record.key: float(won) / max(1, len(kept) - 1) for (record, _), won in zip(kept, wins, strict=True)}


def _best_so_far(record: TrialRecord, objective: str) -> list[float]:
    """The highest value up to each epoch, from the first on; empty before the first report."""
    best = list(accumulate((metrics.get(objective, -math.inf) for metrics in record.epochs.values()), max))
    return best if best and best[-1] > -math.inf else []


def _beaten(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How many of the others each value beats; a draw counts one half."""
    ranked = np.sort(others)
    return 0.5 * (np.searchsorted(ranked, values, "left") + np.searchsorted(ranked, values, "right"))
