"""The recorder: Ray's callback that writes every report to the journal first, then shows and tracks it."""

import math
from collections.abc import Callable
from typing import Any, Protocol

from ray.tune import Callback
from ray.tune.result import AUTO_RESULT_KEYS

from experiments.journal import Journal, TrialRecord
from experiments.limits import Limits

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
        each_step: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = print,
    ) -> None:
        """Create a recorder.

        Args:
            limits: what a trial may cost; none by default.
            each_step: called after each step of Tune's loop, ten times a second or more often.
            say: told of a trial whose process died, and which is tried again.
        """
        self._journal, self._objective, self._listeners, self._each_step = journal, objective, listeners, each_step
        self._limits, self._say = limits or Limits(), say

    def __getstate__(self) -> dict[str, Any]:
        """Leave nothing for Ray to store: every start makes a new one over the journal."""
        return {}

    def _record(self, trial: Any) -> TrialRecord:
        return self._journal.trials[trial.config["trial_key"]]

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Pass on that Tune made a step."""
        self._each_step()

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
            return
        if self._objective not in result or "epoch" not in result:
            return
        if not math.isfinite(result[self._objective]):
            reason = f"reported {self._objective} = {result[self._objective]} in epoch {result['epoch']}"
            self._journal.end_trial(record.key, "failed", reason)
            return
        epoch = int(result["epoch"])
        if self._journal.add_epoch(record.key, epoch, _own_metrics(result)):
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
        error = trial.get_error()
        lines = str(error or "").strip().splitlines() or ["the process died"]
        self._journal.end_trial(record.key, "failed", lines[-1][:300])
        for listener in self._listeners:
            listener.trial_ended(record)


def _own_metrics(result: dict[str, Any]) -> dict[str, Any]:
    """What the trainable reported itself: finite numbers, without Ray's own keys."""
    metrics = {}
    for name, value in result.items():
        own = name not in AUTO_RESULT_KEYS and name not in ("trial_id", "done", "experiment_tag")
        if own and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            metrics[name] = value
    return metrics
