"""Effects: what the trials of a search say about one hyperparameter, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NUM_RESAMPLES = 2000
INTERVAL = (0.05, 0.95)
MIN_TRIALS = 8
"""A correlation of fewer trials says nothing."""


@dataclass(frozen=True)
class ChoiceEffect:
    """How the trials with one choice stand among all."""

    choice: str
    trial_ids: tuple[str, ...]
    mean: float
    """Share of the other trials that they beat at the same age, on average."""
    interval: tuple[float, float] | None
    """90 % bootstrap interval of the mean; None for a single trial."""


@dataclass(frozen=True)
class RatioEffect:
    """How a number goes together with the standing of the trials."""

    num_trials: int
    correlation: float
    """Spearman's rank correlation, -1 to 1."""
    interval: tuple[float, float]
    """90 % bootstrap interval over the trials."""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.interval[0] > 0 or self.interval[1] < 0


def choice_effects(values: Mapping[str, Any], standing: Mapping[str, float]) -> list[ChoiceEffect]:
    """Compare the choices of a hyperparameter, the one that stands highest first.

    Args:
        values: choice of each trial.
        standing: of each trial that counts (`standings`).
    """
    groups: dict[str, list[str]] = {}
    for key in standing:
        if key in values:
            groups.setdefault(str(values[key]), []).append(key)
    found = []
    for choice, keys in groups.items():
        reached = np.array([standing[key] for key in keys])
        found.append(ChoiceEffect(choice, tuple(keys), float(reached.mean()), _interval(_means(reached))))
    return sorted(found, key=lambda one: (-one.mean, one.choice))


def difference(one: ChoiceEffect, other: ChoiceEffect, standing: Mapping[str, float]) -> tuple[float, float] | None:
    """90 % bootstrap interval of the difference of two means; None where a choice has a single trial."""
    means = [_means(np.array([standing[key] for key in effect.trial_ids])) for effect in (one, other)]
    if means[0] is None or means[1] is None:
        return None
    return _interval(means[0] - np.random.default_rng(1).permutation(means[1]))


def ratio_effect(values: Mapping[str, Any], standing: Mapping[str, float]) -> RatioEffect | None:
    """Correlate a number with the standing; None with fewer than `MIN_TRIALS`, or where either is the same in all."""
    keys = [key for key in standing if key in values]
    if len(keys) < MIN_TRIALS:
        return None
    pairs = np.stack([_ranks([values[key] for key in keys]), _ranks([standing[key] for key in keys])])
    if np.ptp(pairs, axis=1).min() == 0:
        return None
    chosen = np.random.default_rng(0).integers(len(keys), size=(NUM_RESAMPLES, len(keys)))
    resampled = _correlation(pairs[0][chosen], pairs[1][chosen])
    interval = _interval(resampled[~np.isnan(resampled)])
    assert interval is not None
    return RatioEffect(len(keys), float(_correlation(pairs[0], pairs[1])), interval)


def _means(values: np.ndarray) -> np.ndarray | None:
    """Means of resampled trials; None for a single one, whose luck nobody can judge."""
    if len(values) < 2:
        return None
    chosen = np.random.default_rng(0).integers(len(values), size=(NUM_RESAMPLES, len(values)))
    return np.asarray(values[chosen].mean(axis=1))


def _interval(resampled: np.ndarray | None) -> tuple[float, float] | None:
    if resampled is None:
        return None
    low, high = np.quantile(resampled, INTERVAL)
    return float(low), float(high)


def _ranks(values: Sequence[Any]) -> np.ndarray:
    """Ranks from 0, float64; equal values share the mean of theirs."""
    _, places, counts = np.unique(np.asarray(values, float), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[places]


def _correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson's correlation along the last axis; nan where one side is constant."""
    left, right = (values - values.mean(axis=-1, keepdims=True) for values in (one, other))
    scale = np.sqrt((left**2).sum(axis=-1) * (right**2).sum(axis=-1))
    products = (left * right).sum(axis=-1)
    return np.divide(products, scale, out=np.full_like(scale, np.nan), where=scale > 0)
