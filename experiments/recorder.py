"""The recorder: Ray's callback that writes every report to the journal first, then shows and tracks it."""

import errno
import math
import os
from collections.abc import Callable
from typing import Any, Protocol

from ray.tune import Callback
from ray.tune.result import AUTO_RESULT_KEYS

from experiments.failures import DIED, reason_of_death
from experiments.journal import Journal, TrialRecord
from experiments.limits import Limits
from experiments.ray_deaths import text_of_death

MAX_WITHOUT_ROOM = 2
"""Trials that fail on a full disk one after another, without an epoch saved in between, before the search stops: the
others would only fail as they did, and all of them can go on when there is room."""
FAILURE = "failure"
"""Key of the last report of a trial that failed for a reason of its own; a retry would fail again."""


class Listener(Protocol):
    """Somebody who wants to know how the trials go: terminal, tracking server."""

    def trial_started(self, record: TrialRecord) -> None:
        """A trial runs (again)."""

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """A trial reported an epoch for the first time."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial finished, was stopped or failed."""


class Recorder(Callback):
    """Turns Ray's callbacks into journal entries and passes them on."""

    def __init__(
        self,
        journal: Journal,
        objective: str,
        listeners: tuple[Listener, ...] = (),
        limits: Limits | None = None,
        each_step: Callable[[list[Any]], None] = lambda _: None,
        say: Callable[[str], None] = print,
    ) -> None:
        """Create a recorder.

        Args:
            limits: what a trial may cost; none by default.
            each_step: called with Tune's trials after each step of its loop, ten times a second or more often.
            say: told of a trial whose process died, and which is tried again.
        """
        self._journal, self._objective, self._listeners, self._each_step = journal, objective, listeners, each_step
        self._limits, self._say = limits or Limits(), say
        self._num_without_room = 0

    def __getstate__(self) -> dict[str, Any]:
        """Leave nothing for Ray to store: every start makes a new one over the journal."""
        return {}

    def _record(self, trial: Any) -> TrialRecord:
        return self._journal.trials[trial.config["trial_key"]]

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Pass on that Tune made a step.

        Raises:
            OSError: the journal, or any checkpoint of late, could not be written. What was recorded stands.
        """
        if self._journal.failure is not None:
            raise self._journal.failure
        if self._num_without_room >= MAX_WITHOUT_ROOM:
            trials_dir = self._journal.path.with_name("trials")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(trials_dir))
        self._each_step(trials)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Pass on that a trial runs."""
        for listener in self._listeners:
            listener.trial_started(self._record(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Record an epoch once; a failure, a broken limit or a value that is not finite ends the trial as failed."""
        record = self._record(trial)
        if record.status is not None:  # the scheduler has ended it
            return
        if FAILURE in result:
            known = {metric: result[metric] for metric in self._limits.bounds if metric in result}
            self._journal.end_trial(record.key, "failed", str(result[FAILURE]), known)
            self._num_without_room += record.had_no_room
            return
        if self._objective not in result or "epoch" not in result:
            return
        if not math.isfinite(result[self._objective]):
            reason = f"reported {self._objective} = {result[self._objective]} in epoch {result['epoch']}"
            self._journal.end_trial(record.key, "failed", reason)
            return
        epoch = int(result["epoch"])
        self._num_without_room = 0
        if self._journal.add_epoch(record.key, epoch, own_metrics(result)):
            for listener in self._listeners:
                listener.epoch_reported(record, epoch)
        broken = self._limits.broken(result)
        if broken is not None:  # the tuner's stop condition is the same
            self._journal.end_trial(record.key, "failed", broken)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Pass on how a trial ended; the searcher has recorded it."""
        for listener in self._listeners:
            listener.trial_ended(self._record(trial))

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Say that a trial's process died, and where it goes on."""
        record = self._record(trial)
        where = f"from epoch {max(record.epochs)}" if record.epochs else "from its beginning"
        self._say(f"{record.key}: its process died; another one goes on {where}")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Record why a trial's process died for good."""
        record = self._record(trial)
        if record.error in (None, DIED):  # else its process was ended for a reason that is on record
            reason = reason_of_death(text_of_death(trial), trial.run_metadata.num_failures)
            self._journal.end_trial(record.key, "failed", reason)
        for listener in self._listeners:
            listener.trial_ended(record)


def own_metrics(result: dict[str, Any]) -> dict[str, Any]:
    """What the trainable reported itself: finite numbers, without Ray's own keys."""
    metrics = {}
    for name, value in result.items():
        own = name not in AUTO_RESULT_KEYS and name not in ("trial_id", "done", "experiment_tag")
        if own and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            metrics[name] = value
    return metrics
