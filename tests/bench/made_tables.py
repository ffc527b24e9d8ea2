"""Made tables: learning curves of trainings that never ran, over mixed spaces, from a seed."""

from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from experiments.policy.drawn_trial import DrawnTrial
from tests.bench.replay_table import Table, suggest

LENGTHS = (9, 27, 30, 50, 81)
OPTIMIZERS = ("adamw", "madgrad", "sgd")
NOTHING = 0.08
"""The score of a model that learnt nothing: the background's IoU among seven classes."""


def made_table(seed: int, num_rows: int = 1000) -> Table:
    """Make a table: a space of 6 to 14 dimensions, and what each of its configurations would score.

    A curve rises as a power law (Hestness et al., arXiv 1712.00409) from nothing to its own ceiling at its own pace.
    Ceiling and pace are two random surfaces over the space in which few dimensions matter much and pairs interact, so
    that curves cross; too high a learning rate learns nothing or diverges. The later, the less an epoch's value swings.
    """
    rng = np.random.default_rng(seed)
    space = _space(rng)
    params = [_row(space, rng) for _ in range(num_rows)]
    epochs = int(rng.choice(LENGTHS))
    draft = Table(f"made{seed}", space, params, np.zeros((num_rows, epochs)))
    unit = np.where(draft.unit < 0, 0.0, draft.unit)
    too_fast = draft.unit[:, 0] + 0.15 * _surface(rng, unit)
    ceiling = _squash(_surface(rng, unit) + 0.5 * _surface(rng, unit), rng.uniform(0.5, 0.9), rng.uniform(1.0, 3.0))
    pace = np.exp(np.log(epochs / rng.uniform(2, 30)) + rng.uniform(0.3, 1.2) * _surface(rng, unit))
    power = rng.uniform(0.5, 2.5)
    progress = 1 - (1 + np.arange(1, epochs + 1) / pace[:, None]) ** -power
    curves = NOTHING + (ceiling - NOTHING)[:, None] * progress
    decline = rng.choice([0.0, 0.3]) * np.clip(_surface(rng, unit), 0, None)[:, None]
    curves -= decline * (curves - NOTHING) * np.linspace(0, 1, epochs) ** 2  # those that overfit
    swing = rng.choice([0.002, 0.01, 0.03]) * (1 - 0.7 * np.linspace(0, 1, epochs))
    curves += swing * rng.normal(size=curves.shape)
    nothing = too_fast > np.quantile(too_fast, rng.uniform(0.6, 1.0))
    curves[nothing] = NOTHING + 0.002 * rng.normal(size=(int(nothing.sum()), epochs))
    for row in np.flatnonzero(nothing & (rng.random(num_rows) < rng.uniform(0, 0.6))):
        curves[row, rng.integers(0, epochs) :] = np.nan
    return Table(draft.name, space, params, np.clip(curves, 0.0, 1.0))


def _space(rng: np.random.Generator) -> dict[str, Any]:
    """A learning rate and an optimizer, then numbers of all kinds and choices."""
    space: dict[str, Any] = {"lr": FloatDistribution(1e-5, 1.0, log=True)}
    for number in range(rng.integers(3, 8)):
        high = float(10 ** rng.uniform(-2, 2))
        space[f"x{number}"] = (
            FloatDistribution(high / 1000, high, log=True) if rng.random() < 0.5 else (FloatDistribution(0.0, high))
        )
    for number in range(rng.integers(0, 3)):
        space[f"n{number}"] = IntDistribution(1, int(rng.integers(4, 65)))
    space["optimizer"] = CategoricalDistribution(OPTIMIZERS)
    for number in range(rng.integers(0, 3)):
        space[f"c{number}"] = CategoricalDistribution(tuple(f"v{k}" for k in range(rng.integers(2, 7))))
    space["momentum"] = FloatDistribution(0.5, 0.99)
    return space


def _row(space: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """A configuration drawn at random; only SGD has a momentum."""
    trial = DrawnTrial(rng)
    for name, kind in space.items():
        if name != "momentum" or trial.params["optimizer"] == "sgd":
            suggest(trial, name, kind)
    return trial.params


def _surface(rng: np.random.Generator, unit: np.ndarray) -> np.ndarray:
    """A random function over points (N, D) of the unit cube, standardised: ridges in single axes and in pairs."""
    total = np.zeros(len(unit))
    weights = rng.dirichlet(np.full(unit.shape[1], 0.4))
    for axis, weight in enumerate(weights):
        other = int(rng.integers(unit.shape[1]))
        optimum = rng.uniform(0, 1) + rng.choice([0.0, 0.5]) * (unit[:, other] - 0.5)
        total -= weight * np.abs((unit[:, axis] - optimum) / rng.uniform(0.2, 0.8)) ** rng.uniform(1, 2.5)
    return (total - total.mean()) / max(float(total.std()), 1e-9)


def _squash(surface: np.ndarray, top: float, steepness: float) -> np.ndarray:
    """Scores between nothing and the top; the steeper, the more configurations are alike at both ends."""
    return NOTHING + (top - NOTHING) / (1 + np.exp(-steepness * surface))
