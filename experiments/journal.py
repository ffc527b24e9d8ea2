"""The journal: an fsync'd record of what every trial reached; the one truth that `resume` starts from."""

import json
import os
import statistics
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.clock import Clock
from experiments.failures import NO_ROOM
from experiments.journal_events import check_event
from experiments.limits import INFEASIBLE
from experiments.secrets import masked
from trashseg_core.disk.files import sync_folder
from trashseg_core.disk.full_disk import named_errors
from trashseg_core.errors import BadInput


@dataclass
class Moments:
    """When the journal heard what of a trial, in seconds since 1970."""

    proposed: float = 0.0
    reported: dict[int, float] = field(default_factory=dict)
    """By epoch: when it was over."""
    ended: float | None = None

    @property
    def last(self) -> float:
        """When it was last heard of."""
        return max([self.proposed, *self.reported.values(), *([self.ended] if self.ended is not None else [])])


@dataclass
class TrialRecord:
    """What the journal knows of one trial."""

    key: str
    """Identity of the trial through kills and retries, e.g. `t0003`; also the name of its folder."""
    params: dict[str, Any]
    """What the sampler suggested."""
    distributions: dict[str, str]
    """Optuna distribution of each suggested value, as JSON text."""
    config: dict[str, Any]
    """Suggested and pinned values: what the trainable gets."""
    epochs: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Metrics by epoch."""
    status: str | None = None
    """finished, stopped or failed; None while it runs or waits for a resume."""
    error: str | None = None
    measured: dict[str, float] = field(default_factory=dict)
    """What is known of a trial that ended before its first epoch, e.g. its number of weights."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """What the sampler noted with its proposal, to go on from."""
    moments: Moments = field(default_factory=Moments, compare=False)

    @property
    def infeasible(self) -> bool:
        """Whether the trial was ended because it broke a limit."""
        return self.status == "failed" and (self.error or "").startswith(INFEASIBLE)

    @property
    def had_no_room(self) -> bool:
        """Whether a full disk ended the trial, which is not its fault: it goes on when the search is resumed."""
        return self.status == "failed" and (self.error or "").startswith(NO_ROOM)

    @property
    def first_metrics(self) -> dict[str, Any]:
        """What the first epoch reported, or what is known without one."""
        return {**self.measured, **(self.epochs[min(self.epochs)] if self.epochs else {})}

    def typical(self, metric: str) -> float | None:
        """Median over the epochs, for what does not change but is measured with noise; None without a report."""
        values = [metrics[metric] for metrics in self.epochs.values() if metric in metrics]
        return statistics.median(values) if values else self.measured.get(metric)

    def best(self, objective: str) -> tuple[int, float] | None:
        """Epoch with the highest objective and its value; the earlier one of equals; None before the first report."""
        scored = [(metrics[objective], -epoch) for epoch, metrics in self.epochs.items() if objective in metrics]
        return (-max(scored)[1], max(scored)[0]) if scored else None


def all_ended(trials: Collection[TrialRecord], planned: int) -> bool:
    """Whether as many trials as planned were proposed, and each has its end."""
    return len(trials) >= planned and all(record.status is not None for record in trials)


class Journal:
    """Appends events to a file and keeps the records they amount to.

    Each event is one JSON line, on disk before the call returns. A half line at the end, left by a kill or a power
    cut, is dropped on opening. Once an event cannot be written, nothing more is: a search must not go on unrecorded.
    """

    header: dict[str, Any] | None = None
    """What the search was started with, where that was written."""
    failure: OSError | None = None
    """Why an event could not be written."""

    def __init__(self, path: Path) -> None:
        """Open a journal, reading what it holds.

        Raises:
            BadInput: a line other than the last is damaged.
        """
        self.path = path
        self.trials: dict[str, TrialRecord] = {}
        self._whole = self._read()
        self._clock = Clock(max((record.moments.last for record in self.trials.values()), default=0.0))
        self._stream = open(path, "ab", buffering=0)  # what is not written must not be kept for a later try
        sync_folder(path.parent)
        if self._stream.tell() > self._whole:
            self._stream.truncate(self._whole)

    def _read(self) -> int:
        """Apply all whole lines; return their length in bytes."""
        if not self.path.exists():
            return 0
        if not self.path.is_file():
            raise BadInput(f"{self.path}: not a regular file. Restore it from a backup, or start a new search.")
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                event = json.loads(line)
                check_event(event, len(self.trials))
                self._apply(event)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise BadInput(
                    f"{self.path}: line {number} is damaged. Restore the file from a backup, or start a new search."
                ) from None
        return whole

    def _append(self, event: dict[str, Any]) -> None:
        if self.failure is not None:
            raise self.failure
        event["time"] = round(self._clock.now(), 3)
        line = json.dumps(event, allow_nan=False).encode() + b"\n"
        try:
            with named_errors(self.path):
                left = line
                while left:
                    left = left[self._stream.write(left) :]
                os.fsync(self._stream.fileno())
        except OSError as error:
            self.failure = error
            with suppress(OSError):  # the half line; if it stays, the next start drops it
                self._stream.truncate(self._whole)
            raise
        self._whole += len(line)
        self._apply(event)

    def _apply(self, event: dict[str, Any]) -> None:
        key, moment = event["key"], float(event.get("time", 0))
        match event["event"]:
            case "search":
                self.header = event["settings"]
            case "trial":
                self.trials[key] = TrialRecord(key, event["params"], event["distributions"], event["config"])
                self.trials[key].attributes, self.trials[key].moments = event.get("attributes", {}), Moments(moment)
            case "epoch":
                self.trials[key].moments.reported[int(event["epoch"])] = moment
                self.trials[key].epochs[int(event["epoch"])] = event["metrics"]
            case "end":
                self.trials[key].status, self.trials[key].error = event["status"], event["error"]
                self.trials[key].measured, self.trials[key].moments.ended = event.get("measured", {}), moment
            case "again":
                self.trials[key].status, self.trials[key].error = None, None
                self.trials[key].moments.ended = None

    def begin(self, settings: dict[str, Any]) -> None:
        """Record what the search is started with, so that nobody goes on with something else."""
        self._append({"event": "search", "key": "", "settings": settings})

    def add_trial(
        self,
        params: dict[str, Any],
        distributions: dict[str, str],
        config: dict[str, Any],
        attributes: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> TrialRecord:
        """Record that a trial was proposed; its key is the next number, unless it has a name of its own."""
        key = key or f"t{len(self.trials):04d}"
        event = {"event": "trial", "key": key, "params": params, "distributions": distributions, "config": config}
        self._append({**event, "attributes": attributes} if attributes else event)
        return self.trials[key]

    def add_epoch(self, key: str, epoch: int, metrics: dict[str, Any]) -> bool:
        """Record a report; return False, and write nothing, where this epoch is known already (after a resume)."""
        if epoch in self.trials[key].epochs:
            return False
        self._append({"event": "epoch", "key": key, "epoch": epoch, "metrics": metrics})
        return True

    def end_trial(
        self, key: str, status: str, error: str | None = None, measured: dict[str, float] | None = None
    ) -> None:
        """Record how a trial ended: finished, stopped or failed; and what was measured without an epoch."""
        error = None if error is None else masked(error)
        event = {"event": "end", "key": key, "status": status, "error": error}
        self._append({**event, "measured": measured} if measured else event)

    def retry_what_had_no_room(self) -> None:
        """Take back the ends of the trials that a full disk ended, so that they go on from their checkpoints."""
        for record in [record for record in self.trials.values() if record.had_no_room]:
            self._append({"event": "again", "key": record.key})

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


class JournalReader(Journal):
    """A journal that is read and left alone: a search may be writing it."""

    def __init__(self, path: Path) -> None:
        """Read the whole lines.

        Raises:
            BadInput: a line other than the last is damaged.
        """
        self.path, self.trials = path, {}
        self._read()
