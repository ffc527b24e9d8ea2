"""Display: what a way of showing a search has to do, and which one was asked for."""

import sys
from contextlib import AbstractContextManager
from typing import Protocol

from rich.console import Console

from experiments.journal import TrialRecord
from experiments.showing.json_lines import JsonLines
from experiments.showing.live_table import LiveTable
from experiments.showing.options import Showing
from experiments.showing.plain_lines import PlainLines
from experiments.showing.progress import Progress
from experiments.showing.quiet import Quiet
from experiments.showing.summary import Summary


class Display(Protocol):
    """Shows a search. As a context it spans all hops; `trials` spans the first."""

    def __enter__(self) -> "Display":
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """End, with what ended it."""

    def trials(self, progress: Progress) -> AbstractContextManager[object]:
        """Show trials while they run."""

    def say(self, text: str) -> None:
        """Show a line beside the trials' course: a process died, a server failed."""

    def trial_started(self, record: TrialRecord) -> None:
        """A trial runs (again)."""

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """A trial reported an epoch for the first time."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial finished, was stopped or failed."""

    def finish(self, summary: Summary) -> None:
        """All hops are done."""


def build_display(showing: Showing) -> Display:
    """The display that was asked for: by default a live table on a terminal, plain lines elsewhere."""
    if showing.json:
        return JsonLines(sys.stdout)
    if showing.quiet:
        return Quiet(sys.stdout)
    console = Console(highlight=False)
    drawable = console.is_terminal and not console.is_dumb_terminal
    return LiveTable(console) if drawable else PlainLines(sys.stdout)
