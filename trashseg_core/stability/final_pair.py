"""The final pair: which two submissions to hand in where the better one counts, as Kaggle's rules have it."""

from dataclasses import dataclass

import numpy as np

SAFE_QUANTILE = 0.05


@dataclass(frozen=True)
class FinalPair:
    """Two models by number, and what they promise on the private half."""

    safe: int
    """Has the best lower 5 % quantile of all."""
    bold: int | None
    """Adds most to the expected maximum of the two; None where there is one model."""
    expected_safe: float
    """Expected private score of the safe one alone."""
    expected_best: float
    """Expected private score of the better of the two."""
    bold_wins: float
    """Probability that the bold one is the better of the two."""


def choose_pair(private: np.ndarray) -> FinalPair:
    """Choose the safe one first, then the bold one that goes best with it.

    Two copies of one model promise no more than one: the bold one is good where the safe one is bad, which the mean
    score of neither tells. All scores of a simulated test set belong together.

    Args:
        private: float64 (B, K), simulated private scores.
    """
    safe = int(np.argmax(np.quantile(private, SAFE_QUANTILE, axis=0)))
    alone = private[:, safe]
    together = np.maximum(private, alone[:, None]).mean(axis=0)
    if private.shape[1] == 1:
        return FinalPair(safe, None, float(alone.mean()), float(alone.mean()), 0.0)
    together[safe] = -np.inf
    bold = int(np.argmax(together))
    wins = float((private[:, bold] > alone).mean())
    return FinalPair(safe, bold, float(alone.mean()), float(together[bold]), wins)
