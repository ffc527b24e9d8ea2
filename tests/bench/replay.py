"""Replay of a search on recorded curves: the real searcher and scheduler in virtual time, without Ray's processes."""

import heapq
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from experiments.journal import Journal
from experiments.policy.drawn_trial import DrawnTrial
from tests.bench.replay_table import Table, suggest

OBJECTIVE = "score"
Incumbents = list[tuple[float, float]]
"""(time, value) whenever the best value so far rose."""


class MemoryJournal(Journal):
    """The journal without its file: a replay makes 100,000 events."""

    def __init__(self) -> None:
        self.path, self.trials = Path("memory"), {}

    def _append(self, event: dict[str, Any]) -> None:
        self._apply(event)


class Projection:
    """The space of a table. What a sampler proposes becomes the nearest row that was not used yet.

    The trial then has that row's values, for the sampler as well: it learns from what really ran, as it would in a
    real search. The rule is the same for every policy, and no policy gets a row twice.
    """

    def __init__(self, table: Table) -> None:
        self._table, self._used = table, set[int]()
        self.row = -1
        """The row that was given last."""

    def __call__(self, trial: Any) -> None:
        """Suggest the hyperparameters of a branch, then move the trial to a row."""
        given: dict[str, Any] = {}
        for name, kind in self._table.space.items():
            if self._table.has(name, given):
                given[name] = suggest(trial, name, kind)
        while not hasattr(trial, "_cached_frozen_trial"):  # the searchers wrap Optuna's trial
            if isinstance(trial, DrawnTrial):
                return  # a candidate only
            trial = trial._trial if hasattr(trial, "_trial") else trial._ot_trial
        self.row = self._table.nearest_unused(trial.params, self._used)
        self._used.add(self.row)
        params = self._table.params[self.row]
        for frozen in (trial._cached_frozen_trial, trial.storage._get_trial(trial._trial_id)):
            frozen.params, frozen.distributions = dict(params), {name: self._table.space[name] for name in params}


class ReplayedTrial:
    """What searchers and schedulers see of a Tune trial."""

    def __init__(self, trial_id: str, config: dict[str, Any], row: int) -> None:
        self.trial_id, self.config, self.row = trial_id, config, row
        self.status, self.epoch = Trial.PENDING, 0
        self.last_result: dict[str, Any] = {}

    def is_finished(self) -> bool:
        """As Tune's."""
        return self.status in (Trial.TERMINATED, Trial.ERROR)


class Replay:
    """One search: an epoch costs one unit of time, `workers` trials run side by side. Stands in for TuneController."""

    def __init__(
        self,
        table: Table,
        space: Projection,
        searcher: Any,
        scheduler: Any,
        workers: int,
        record: Callable[[ReplayedTrial, dict[str, Any]], None] = lambda trial, result: None,
        diverged: Callable[[ReplayedTrial], None] | None = None,
    ) -> None:
        """Set the stage.

        Args:
            space: what the searcher proposes from.
            record: called with each report after the scheduler, as Tune calls its callbacks.
            diverged: called where a trainable would report its own failure, and the trial ends; None if it is one
                that reports NaN and goes on, as a plain script does.
        """
        self._table, self._space, self._searcher, self._scheduler = table, space, searcher, scheduler
        self._workers = workers
        self._record, self._diverged = record, diverged
        self._live: list[ReplayedTrial] = []
        self._events: list[tuple[float, int, ReplayedTrial]] = []
        self._count = itertools.count()
        self.incumbents: Incumbents = []
        self.num_trials = 0

    def get_trials(self) -> list[ReplayedTrial]:
        """As TuneController: here without those that ended."""
        return self._live

    def run(self, end: float) -> Incumbents:
        """Play until the time is over."""
        self._fill(0.0)
        while self._events and self._events[0][0] <= end:
            now, _, trial = heapq.heappop(self._events)
            self._epoch(now, trial)
            self._fill(now)
        return self.incumbents

    def _fill(self, now: float) -> None:
        """As TuneController.step: ask for trials, let the scheduler choose, then start what is pending."""
        running = sum(trial.status == Trial.RUNNING for trial in self._live)
        while running < self._workers:
            while sum(trial.status == Trial.PENDING for trial in self._live) < self._workers and self._suggest():
                pass
            chosen = self._scheduler.choose_trial_to_run(self)
            if chosen is None:
                return
            chosen.status = Trial.RUNNING
            running += 1
            self._train(now, chosen)

    def _suggest(self) -> bool:
        trial_id = f"r{self.num_trials:05d}"
        config = self._searcher.suggest(trial_id)
        if not isinstance(config, dict):
            return False
        trial = ReplayedTrial(trial_id, config, self._space.row)
        self.num_trials += 1
        self._live.append(trial)
        self._scheduler.on_trial_add(self, trial)
        return True

    def _train(self, now: float, trial: ReplayedTrial) -> None:
        heapq.heappush(self._events, (now + 1, next(self._count), trial))

    def _epoch(self, now: float, trial: ReplayedTrial) -> None:
        value = float(self._table.curves[trial.row, trial.epoch])
        trial.epoch += 1
        if not math.isfinite(value) and self._diverged is not None:
            self._diverged(trial)
            self._scheduler.on_trial_error(self, trial)
            self._searcher.on_trial_complete(trial.trial_id, error=True)
            self._end(trial, Trial.ERROR)
            return
        if value > (self.incumbents[-1][1] if self.incumbents else -math.inf):
            self.incumbents.append((now, value))
        result = {"epoch": trial.epoch, "training_iteration": trial.epoch, OBJECTIVE: value}
        decision = self._scheduler.on_trial_result(self, trial, result)
        if decision != TrialScheduler.STOP:
            self._searcher.on_trial_result(trial.trial_id, result)
        self._record(trial, result)
        trial.last_result = result
        if decision == TrialScheduler.STOP or trial.epoch == self._table.epochs:
            self.stop_trial(trial)
        elif decision == TrialScheduler.PAUSE:
            trial.status = Trial.PAUSED
        else:
            self._train(now, trial)

    def stop_trial(self, trial: ReplayedTrial) -> None:
        """As TuneController."""
        if trial.status == Trial.RUNNING:
            self._scheduler.on_trial_complete(self, trial, trial.last_result)
            self._searcher.on_trial_complete(trial.trial_id, result=trial.last_result)
        else:
            self._scheduler.on_trial_remove(self, trial)
            self._searcher.on_trial_complete(trial.trial_id)
        self._end(trial, Trial.TERMINATED)

    def _end(self, trial: ReplayedTrial, status: str) -> None:
        trial.status = status
        self._live.remove(trial)
