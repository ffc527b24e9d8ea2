"""PlainLines: a line for each thing that happens, for logs and pipes."""

from contextlib import AbstractContextManager, nullcontext
from typing import TextIO

from experiments.journal import TrialRecord
from experiments.showing.progress import Progress
from experiments.showing.summary import Summary
from experiments.showing.wording import assignments, duration, printable


class PlainLines:
    """Writes lines that are whole when they appear, without colours."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> "PlainLines":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open."""

    def trials(self, progress: Progress) -> AbstractContextManager[object]:
        """Show trials with the numbers of `progress`."""
        self._progress = progress
        return nullcontext()

    def say(self, text: str) -> None:
        """Write a line."""
        print(text, file=self._stream, flush=True)

    def trial_started(self, record: TrialRecord) -> None:
        """Say who starts, and with what."""
        again = f" again after epoch {max(record.epochs)}" if record.epochs else ""
        self.say(f"{record.key} starts{again}: {assignments(record.params)}")

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Say what an epoch reached, and how long the search will go on."""
        progress = self._progress
        eta_s = progress.eta_s()
        left = f"  (about {duration(eta_s)} left)" if eta_s is not None else ""
        value = record.epochs[epoch][progress.objective]
        self.say(f"{record.key} epoch {epoch}/{progress.epochs} {progress.objective} {value:.4f}{left}")

    def trial_ended(self, record: TrialRecord) -> None:
        """Say how a trial ended, and why where it failed."""
        self.say(end_line(record, self._progress.objective))

    def finish(self, summary: Summary) -> None:
        """Write the summary."""
        self.say("\n" + summary.text())


def end_line(record: TrialRecord, objective: str) -> str:
    """How a trial ended, in one line."""
    best = record.best(objective)
    reached = f", best {best[1]:.4f} in epoch {best[0]}" if best else ""
    return f"{record.key} {record.status}{reached}{f': {printable(record.error)}' if record.error else ''}"
