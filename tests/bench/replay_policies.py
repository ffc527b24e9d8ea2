"""The policies that a replay compares: the project's own, Ray's stock pair, random search, one epoch then the best."""

import logging
import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.optuna import OptunaSearch

from experiments.policy.promotion import PromotionAsha
from experiments.policy.scheduler import RestoredAsha
from experiments.recorder import Recorder
from experiments.searcher import OptunaSearcher
from experiments.settings import SearchSettings
from tests.bench.replay import OBJECTIVE, Incumbents, MemoryJournal, Projection, Replay, ReplayedTrial
from tests.bench.replay_table import Table

WORKERS = 4
FULL_TRAININGS = 16
"""The budget: as many epochs as so many full trainings have."""


def end_of(table: Table) -> float:
    """The time at which the budget of a table is spent."""
    return FULL_TRAININGS * table.epochs / WORKERS


@dataclass(frozen=True)
class Own:
    """The project's searcher and scheduler, set up as `build_tuner` does."""

    scheduler: str = "promotion"
    sampler: str = SearchSettings.sampler

    def __call__(self, table: Table, seed: int) -> Incumbents:
        """Replay one search."""
        settings: Any = SearchSettings(
            data="", space="", name="replay", epochs=table.epochs, scheduler=self.scheduler, sampler=self.sampler
        )
        num_trials = len(table.params)  # more than the budget allows
        journal = MemoryJournal()
        halving = (journal, OBJECTIVE, table.epochs, settings.first_rung, settings.reduction_factor)
        promotion = PromotionAsha(*halving, num_trials, WORKERS) if self.scheduler == "promotion" else None
        scheduler = promotion or RestoredAsha(*halving)
        if promotion is None:
            scheduler.set_search_properties(OBJECTIVE, "max")
        space = Projection(table)
        searcher = OptunaSearcher(
            space,
            journal,
            OBJECTIVE,
            num_trials,
            WORKERS,
            seed=seed,
            cut=scheduler.cut,
            first_rung=settings.first_rung,
            sampler=self.sampler,
            promotion=promotion,
        )
        recorder = Recorder(journal, OBJECTIVE)

        def record(trial: ReplayedTrial, result: dict[str, Any]) -> None:
            recorder.on_trial_result(0, [], trial, result)

        def diverged(trial: ReplayedTrial) -> None:
            journal.end_trial(trial.config["trial_key"], "failed", "diverged")

        return Replay(table, space, searcher, scheduler, WORKERS, record, diverged).run(end_of(table))


@dataclass(frozen=True)
class Stock:
    """Ray's OptunaSearch and ASHAScheduler with their defaults; `max_t` is the length of a full training."""

    guarded: bool = True
    """A diverged training raises, so that its trial ends at once; else it reports NaN to the end."""

    def __call__(self, table: Table, seed: int) -> Incumbents:
        """Replay one search."""
        logging.getLogger("ray.tune.search.optuna.optuna_search").setLevel(logging.ERROR)  # it warns of each NaN
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        space = Projection(table)
        searcher = OptunaSearch(space=space, metric=OBJECTIVE, mode="max", seed=seed + 1)
        scheduler = ASHAScheduler(metric=OBJECTIVE, mode="max", max_t=table.epochs)
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)  # ASHA's cutoff of a rung of NaN
        diverged: Callable[[ReplayedTrial], None] | None = (lambda trial: None) if self.guarded else None
        limited = ConcurrencyLimiter(searcher, WORKERS)
        return Replay(table, space, limited, scheduler, WORKERS, diverged=diverged).run(end_of(table))


def random_search(table: Table, seed: int) -> Incumbents:
    """Rows in random order, each trained in full; a diverged one ends in that epoch."""
    order = np.random.default_rng(seed).permutation(len(table.params))
    return _trained(table, [(row, 0) for row in order], [0.0] * WORKERS)


def one_epoch_then_best(table: Table, seed: int) -> Incumbents:
    """Half of the budget for one epoch each of random rows, the rest for full trainings of the best of them."""
    num_screened = min(FULL_TRAININGS * table.epochs // 2, len(table.params))
    rows = np.random.default_rng(seed).permutation(len(table.params))[:num_screened]
    first = table.curves[rows, 0]
    seen = [(float(n // WORKERS + 1), float(value)) for n, value in enumerate(first) if math.isfinite(value)]
    best = rows[np.argsort(-np.where(np.isfinite(first), first, -np.inf), kind="stable")]
    rest = _trained(table, [(row, 1) for row in best], [math.ceil(num_screened / WORKERS)] * WORKERS)
    return _incumbents(seen + rest)


def _trained(table: Table, rows: Iterable[tuple[int, int]], free: list[float]) -> Incumbents:
    """Train rows in full from the epoch that they have, each on the worker that is free first."""
    seen, end = [], end_of(table)
    for row, done in rows:
        worker = int(np.argmin(free))
        if free[worker] >= end:
            break
        epochs = range(done, table.length(row))
        times = [free[worker] + epoch - done + 1 for epoch in epochs]
        values = [float(table.curves[row, epoch]) for epoch in epochs]
        seen += [(at, value) for at, value in zip(times, values, strict=True) if at <= end and math.isfinite(value)]
        free[worker] += len(epochs)
    return _incumbents(seen)


def _incumbents(seen: list[tuple[float, float]]) -> Incumbents:
    found: Incumbents = []
    for at, value in sorted(seen, key=lambda one: (one[0], -one[1])):
        if not found or value > found[-1][1]:
            found.append((at, value))
    return found
