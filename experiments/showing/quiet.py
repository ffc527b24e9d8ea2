"""Quiet: what failed, and the summary at the end."""

import io
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from typing import TextIO

from experiments.journal import TrialRecord
from experiments.showing.plain_lines import end_line
from experiments.showing.progress import Progress
from experiments.showing.summary import Summary


class _Nowhere(io.TextIOBase):
    """A stream that forgets what it gets."""

    def write(self, text: str) -> int:
        """Forget a text."""
        return len(text)


class Quiet:
    """Silences standard output, except for failures and the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._silence = redirect_stdout(_Nowhere())

    def __enter__(self) -> "Quiet":
        self._silence.__enter__()
        return self

    def __exit__(self, *ended: object) -> None:
        self._silence.__exit__(None, None, None)

    def trials(self, progress: Progress) -> AbstractContextManager[object]:
        """Nothing to begin."""
        self._objective = progress.objective
        return nullcontext()

    def say(self, text: str) -> None:
        """Say it: what is said beside the trials' course is a process that died, or a server that failed."""
        print(text, file=self._stream, flush=True)

    def trial_started(self, record: TrialRecord) -> None:
        """Leave it out."""

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Leave it out."""

    def trial_ended(self, record: TrialRecord) -> None:
        """Say why a trial failed."""
        if record.status == "failed":
            self.say(end_line(record, self._objective))

    def finish(self, summary: Summary) -> None:
        """Write the summary."""
        self.say(summary.text())
