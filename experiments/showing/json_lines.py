"""JsonLines: one JSON object a line, for machines.

Every object has `event` and `time` (seconds since 1970). Fields may be added, never renamed or taken away:

| event | fields |
|---|---|
| search | trials, epochs, objective, ended |
| trial | trial, epochs_done, params |
| epoch | trial, epoch, epochs, metrics, best {trial, epoch, value}, running, slots, eta_s |
| trial_end | trial, status, best_epoch, best_value, epochs_done, error |
| message | text: a line that people would have read |
| end | status: finished, interrupted or failed; then the fields of `Summary.document`, or error and message |

A value that is not known is null. Nothing else is written to standard output.
"""

import io
import json
import re
import time
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from typing import Any, TextIO

from experiments.journal import TrialRecord
from experiments.showing.progress import Progress
from experiments.showing.summary import Summary


class _Messages(io.TextIOBase):
    """A stream whose lines become messages."""

    def __init__(self, lines: "JsonLines") -> None:
        self._lines, self._rest = lines, ""

    def write(self, text: str) -> int:
        """Pass whole lines on and keep the rest."""
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            if re.search(r"\w", line):  # no frames of tables
                self._lines.say(line.strip())
        return len(text)


class JsonLines:
    """Writes events; what the hops print becomes messages."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._captured = redirect_stdout(_Messages(self))

    def __enter__(self) -> "JsonLines":
        self._captured.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._captured.__exit__(None, None, None)
        if error is not None:
            status = "failed" if isinstance(error, Exception) else "interrupted"
            reason = f"{type(error).__name__}: {error}" if isinstance(error, Exception) else None
            self._event("end", status=status, error=reason, message=" ".join(getattr(error, "__notes__", [])) or None)

    def _event(self, event: str, **fields: Any) -> None:
        line = json.dumps({"event": event, "time": round(time.time(), 3), **fields})
        self._stream.write(line + "\n")  # in one piece: the tracker speaks from another thread
        self._stream.flush()

    def trials(self, progress: Progress) -> AbstractContextManager[object]:
        """Say what is searched."""
        self._progress = progress
        counts = progress.counts()
        self._event(
            "search",
            trials=progress.num_trials,
            epochs=progress.epochs,
            objective=progress.objective,
            ended=counts["finished"] + counts["stopped"] + counts["failed"],
        )
        return nullcontext()

    def say(self, text: str) -> None:
        """A message."""
        self._event("message", text=text)

    def trial_started(self, record: TrialRecord) -> None:
        """A trial runs, again where it has epochs."""
        self._event("trial", trial=record.key, epochs_done=max(record.epochs, default=0), params=record.params)

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """An epoch with all its metrics."""
        progress = self._progress
        value, key, at = progress.best or (None, None, None)
        eta_s = progress.eta_s()
        self._event(
            "epoch",
            trial=record.key,
            epoch=epoch,
            epochs=progress.epochs,
            metrics=record.epochs[epoch],
            best={"trial": key, "epoch": at, "value": value},
            running=len(progress.running),
            slots=progress.slots,
            eta_s=None if eta_s is None else round(eta_s, 1),
        )

    def trial_ended(self, record: TrialRecord) -> None:
        """How a trial ended."""
        epoch, value = record.best(self._progress.objective) or (None, None)
        self._event(
            "trial_end",
            trial=record.key,
            status=record.status,
            best_epoch=epoch,
            best_value=value,
            epochs_done=max(record.epochs, default=0),
            error=record.error,
        )

    def finish(self, summary: Summary) -> None:
        """The end, with all that was found."""
        self._event("end", status="finished", **summary.document())
