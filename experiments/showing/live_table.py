"""LiveTable: a table of the trials that is kept up to date on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from experiments.journal import TrialRecord
from experiments.showing.plain_lines import end_line
from experiments.showing.progress import STATES, Progress
from experiments.showing.summary import Summary
from experiments.showing.wording import assignments, duration, printable

COLOURS = {"running": "cyan", "waiting": "yellow", "finished": "green", "stopped": "default", "failed": "red"}
MIN_ROWS, MAX_ROWS, MAX_FAILURES = 3, 15, 3
FRAME_LINES = 10
"""Lines of the window around the rows: head, frame, failures' heading, the prompt."""


class LiveTable:
    """Draws twice a second while trials run; what is said meanwhile stands above the table."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> "LiveTable":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open."""

    @contextmanager
    def trials(self, progress: Progress) -> Iterator[None]:
        """Show the table; the last one stays on the screen."""
        self._progress = progress
        console = self._console
        with Live(console=console, refresh_per_second=2, get_renderable=lambda: window(progress, console.size.height)):
            yield

    def say(self, text: str) -> None:
        """Print a line, above the table where there is one."""
        self._console.print(text, markup=False, soft_wrap=True)

    def trial_started(self, record: TrialRecord) -> None:
        """The table tells."""

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """The table tells."""

    def trial_ended(self, record: TrialRecord) -> None:
        """The table tells; a failure also stays above it."""
        if record.status == "failed":
            self.say(end_line(record, self._progress.objective))

    def finish(self, summary: Summary) -> None:
        """Print the summary."""
        self.say("\n" + summary.text())


def window(progress: Progress, height: int) -> Group:
    """Head, trials and the latest failures, in as many lines as the terminal has."""
    records = list(progress.journal.trials.values())
    failed = [record for record in records if record.status == "failed"][-MAX_FAILURES:]
    room = height - FRAME_LINES - len(failed)
    table = Table(box=None, padding=(0, 2, 0, 0), expand=True, header_style="bold")
    for heading in ("trial", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("epoch", progress.objective, "best", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("configuration", ratio=1, no_wrap=True, overflow="ellipsis")
    for record in _shown(progress, records, min(MAX_ROWS, max(MIN_ROWS, room))):
        table.add_row(*_row(progress, record))
    reasons = [
        Text(printable(f"{one.key} failed: {one.error or 'no reason'}"), "red", no_wrap=True, overflow="ellipsis")
        for one in failed
    ]
    return Group(*_head(progress), Text(), table, *reasons, Text())  # the last line has room for the echo of Ctrl-C


def _head(progress: Progress) -> list[Text]:
    """Counts and slots, the best so far, and the time."""
    counts = progress.counts()
    ended = sum(counts[state] for state in ("finished", "stopped", "failed"))
    trials = Text(f"{ended} of {progress.num_trials} trials ended", "bold")
    for state in STATES:
        if counts[state]:
            trials.append(f" · {counts[state]} {state}", COLOURS[state])
    slots = f" · {len(progress.running)} of {progress.slots} slots in use" if progress.slots else ""
    eta_s = progress.eta_s()
    left = f"about {duration(eta_s)} left" if eta_s is not None else "no estimate before the first epoch"
    time = Text(f"{duration(progress.elapsed_s())} so far · {left}{slots}")
    if progress.best is None:
        return [trials, time]
    value, key, epoch = progress.best
    return [trials, time, Text(f"best {progress.objective} {value:.4f}: {key} in epoch {epoch}", "green")]


def _shown(progress: Progress, records: list[TrialRecord], count: int) -> list[TrialRecord]:
    """Those that run, and the best of the others."""
    scored = sorted(records, key=lambda record: -(record.best(progress.objective) or (0, -1.0))[1])
    running = [record for record in scored if record.key in progress.running]
    others = [record for record in scored if record.key not in progress.running]
    return [*running, *others[: max(0, count - len(running))]][: max(count, MIN_ROWS)]


def _row(progress: Progress, record: TrialRecord) -> list[str]:
    epoch = max(record.epochs, default=0)
    best, state, left = record.best(progress.objective), progress.state(record), progress.trial_eta_s(record)
    return [
        record.key,
        f"[{COLOURS[state]}]{state}[/]",
        f"{epoch}/{progress.epochs}",
        f"{record.epochs[epoch][progress.objective]:.4f}" if epoch else "",
        f"{best[1]:.4f}" if best else "",
        duration(left) if left is not None else "",
        escape(assignments(record.params)),
    ]
