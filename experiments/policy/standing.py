"""The standing of trials of unequal length: which share of the others each one beats."""

from collections.abc import Sequence

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
    kept = [record for record in records if record.status != "failed" and record.best(objective) is not None]
    if not kept:
        return {}
    reached = np.array([max(record.epochs) for record in kept])
    best = np.full((len(kept), int(reached.max()) + 1), -np.inf)
    for row, record in zip(best, kept, strict=True):
        for epoch, metrics in record.epochs.items():
            row[epoch] = metrics.get(objective, -np.inf)
    best = np.maximum.accumulate(best, axis=1)
    rows = np.arange(len(kept))[:, None]
    own = best[rows, np.minimum(reached[:, None], reached[None, :])]
    wins = (own > own.T) + 0.5 * (own == own.T)
    shares = (wins.sum(axis=1) - 0.5) / max(1, len(kept) - 1)
    return {record.key: float(share) for record, share in zip(kept, shares, strict=True)}
