"""The watchdog: a trial that gives no sign of life for too long has failed, and its process is ended.

A worker touches a file of its own at each step; the driver, which may be on another machine, looks at the files.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.journal import Journal, TrialRecord

DEFAULT_S, FACTOR = 1800.0, 20.0
"""Where nobody says otherwise: the longest silence, unless silences that ended were longer than a `FACTOR`th of it."""
SIGN_EVERY_S, LOOK_EVERY_S = 0.5, 0.5
LONGEST_LOOK_S = 5.0
"""What one look counts for at most: a driver that was stopped or busy has not looked meanwhile."""
SIGNS = ".alive"
"""Folder of the files, among the trials'."""


class SignOfLife:
    """The worker's side: called at each step, and cheap."""

    def __init__(self, trials: Path, key: str) -> None:
        self._path, self._next = trials / SIGNS / key, 0.0
        with suppress(OSError):
            self._path.parent.mkdir(exist_ok=True)

    def __call__(self) -> None:
        """Give the sign, unless one was given just now."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SIGN_EVERY_S
            with suppress(OSError):  # on a full disk, reports are signs too
                self._path.touch()


@dataclass
class _Watched:
    """A running trial, as it was seen last."""

    sign: tuple[Any, ...]
    silent_s: float = 0.0


class Watchdog:
    """The driver's side. A report is a sign of life, too, and so is a new start after a death."""

    def __init__(
        self,
        journal: Journal,
        trials: Path,
        limit_s: float | None,
        kill: Callable[[Any], None],
        say: Callable[[str], None],
    ) -> None:
        """Begin to watch.

        Args:
            trials: folder of all trials.
            limit_s: longest silence; None: see `DEFAULT_S`.
            kill: ends the process of a Ray actor.
            say: is told of a trial that is ended.
        """
        self._journal, self._signs, self._limit_s = journal, trials / SIGNS, limit_s
        self._kill, self._say = kill, say
        self._watched: dict[str, _Watched] = {}
        self._longest_s, self._looked = 0.0, time.monotonic()

    @property
    def patience_s(self) -> float:
        """How long a trial may be silent now."""
        return self._limit_s if self._limit_s is not None else max(DEFAULT_S, FACTOR * self._longest_s)

    def look(self, trials: list[Any]) -> None:
        """Look at Tune's trials; called often."""
        passed = time.monotonic() - self._looked
        if passed < LOOK_EVERY_S:
            return
        self._looked += passed
        running = [
            trial for trial in trials if trial.status == "RUNNING" and trial.temporary_state.ray_actor is not None
        ]
        self._watched = {one.trial_id: self._watched[one.trial_id] for one in running if one.trial_id in self._watched}
        for trial in running:
            record = self._journal.trials[trial.config["trial_key"]]
            sign = (trial.run_metadata.num_failures, len(record.epochs), self._touched(record.key))
            known = self._watched.setdefault(trial.trial_id, _Watched(sign))
            if sign != known.sign:
                self._longest_s = max(self._longest_s, known.silent_s)
                known.sign, known.silent_s = sign, 0.0
                continue
            known.silent_s += min(passed, LONGEST_LOOK_S)
            if known.silent_s > self.patience_s:
                self._end(trial, record)
                known.silent_s = 0.0

    def _touched(self, key: str) -> int:
        try:
            return (self._signs / key).stat().st_mtime_ns
        except OSError:
            return 0

    def _end(self, trial: Any, record: TrialRecord) -> None:
        where = f"after epoch {max(record.epochs)}" if record.epochs else "in its first epoch"
        reason = f"hangs: no step for {self.patience_s:.0f} s (`--hang-limit`) {where}; its process was ended"
        if record.status is None:
            self._say(f"{record.key}: {reason}")
            self._journal.end_trial(record.key, "failed", reason)
        trial.max_failures = 0  # what hangs once is not tried again
        self._kill(trial.temporary_state.ray_actor)
