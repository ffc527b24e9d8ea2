"""The terminal: a live table of trials with an ETA, or plain lines where there is no terminal."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table

from experiments.journal import Journal, TrialRecord

VISIBLE_ROWS = 15


@dataclass
class Terminal:
    """Listens to the trials and shows how the search goes."""

    journal: Journal
    objective: str
    num_trials: int
    epochs: int
    rungs: tuple[int, ...] = ()
    """Epochs after which a trial waits for its promotion; none where the scheduler lets trials run through."""
    planned_epochs: float | None = None
    """Epochs of the whole search, where the scheduler makes them foreseeable."""
    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    _running: set[str] = field(default_factory=set)
    _session_epochs: int = 0
    _epochs_done: int = 0
    _ended: list[int] = field(default_factory=list)
    """Lengths of the trials that ended."""
    _open: dict[str, TrialRecord] = field(default_factory=dict)
    """Trials without an end."""
    _started: float = field(default_factory=time.monotonic)
    _live: Live | None = None

    def __post_init__(self) -> None:
        """Count what the journal holds once: a search of 1,000 trials must not be counted anew at each report."""
        for record in self.journal.trials.values():
            self._epochs_done += max(record.epochs, default=0)
            if record.status is None:
                self._open[record.key] = record
            else:
                self._ended.append(max(record.epochs, default=0))

    def __enter__(self) -> "Terminal":
        if self.console.is_terminal:
            self._live = Live(self._table(), console=self.console, refresh_per_second=2, get_renderable=self._table)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """Print a line; above the table where there is one."""
        self.console.print(text, markup=False)

    def trial_started(self, record: TrialRecord) -> None:
        """Show a trial as running."""
        if not self._session_epochs and not self._running:
            self._started = time.monotonic()
        self._running.add(record.key)
        self._open[record.key] = record
        if self._live is None:
            again = f" again after epoch {max(record.epochs)}" if record.epochs else ""
            varied = " ".join(f"{name}={_short(value)}" for name, value in record.params.items())
            self.say(f"{record.key} starts{again}: {varied}")

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Show a trial's progress."""
        self._session_epochs += 1
        self._epochs_done += 1
        if epoch in self.rungs:
            self._running.discard(record.key)
        if self._live is None:
            value = record.epochs[epoch][self.objective]
            self.say(f"{record.key} epoch {epoch}/{self.epochs} {self.objective} {value:.4f}{self._eta_text()}")

    def trial_ended(self, record: TrialRecord) -> None:
        """Show how a trial ended."""
        self._running.discard(record.key)
        self._open.pop(record.key, None)
        self._ended.append(max(record.epochs, default=0))
        best = record.best(self.objective)
        if self._live is None or record.status == "failed":
            reached = f", best {best[1]:.4f} in epoch {best[0]}" if best else ""
            reason = f": {record.error}" if record.error else ""
            self.say(f"{record.key} {record.status}{reached}{reason}")

    def eta_s(self) -> float | None:
        """Seconds that the rest will take: open epochs at the pace of this session; None before the first report.

        Without a plan, trials that will be stopped are foreseen by the mean length of those that ended.
        """
        if not self._session_epochs:
            return None
        pace = (time.monotonic() - self._started) / self._session_epochs
        if self.planned_epochs is not None:
            return max(self.planned_epochs - self._epochs_done, len(self._running)) * pace
        expected = sum(self._ended) / len(self._ended) if self._ended else float(self.epochs)
        open_epochs = sum(max(expected - max(record.epochs, default=0), 1.0) for record in self._open.values())
        open_epochs += expected * max(0, self.num_trials - len(self.journal.trials))
        return open_epochs * pace

    def _eta_text(self) -> str:
        eta = self.eta_s()
        return f"  (about {_duration(eta)} left)" if eta is not None else ""

    def _table(self) -> Table:
        records = list(self.journal.trials.values())
        counts = {
            status: sum(record.status == status for record in records) for status in ("finished", "stopped", "failed")
        }
        title = (
            f"{len(records)}/{self.num_trials} trials · {len(self._running)} running · {counts['finished']} finished · "
            f"{counts['stopped']} stopped · {counts['failed']} failed · {_duration(time.monotonic() - self._started)}"
        )
        table = Table(title=title + self._eta_text(), title_justify="left")
        for column in ("trial", "state", "epoch", self.objective, "best", "configuration"):
            table.add_column(column, justify="right" if column in ("epoch", self.objective, "best") else "left")
        scored = sorted(records, key=lambda record: -(record.best(self.objective) or (0, -1.0))[1])
        shown = [record for record in scored if record.key in self._running]
        shown += [record for record in scored if record.key not in self._running][: VISIBLE_ROWS - len(shown)]
        for record in shown:
            table.add_row(*self._row(record))
        return table

    def _row(self, record: TrialRecord) -> list[str]:
        epoch = max(record.epochs, default=0)
        best = record.best(self.objective)
        state = "running" if record.key in self._running else record.status or "waiting"
        colour = {"running": "cyan", "finished": "green", "failed": "red"}.get(state, "white")
        return [
            record.key,
            f"[{colour}]{state}[/]",
            f"{epoch}/{self.epochs}",
            f"{record.epochs[epoch][self.objective]:.4f}" if epoch else "",
            f"{best[1]:.4f}" if best else "",
            " ".join(f"{name}={_short(value)}" for name, value in record.params.items()),
        ]


def progress_line(what: str) -> Callable[[int, int], None]:
    """Return a `Progress` callback that keeps one line up to date on a terminal, and prints the end elsewhere."""
    started = time.monotonic()

    def show(done: int, total: int) -> None:
        spent = time.monotonic() - started
        left = spent / done * (total - done)
        if sys.stdout.isatty():
            end = "\n" if done == total else ""
            print(f"\r{what}: {done}/{total}, about {_duration(left)} left ", end=end, flush=True)
        elif done == total:
            print(f"{what}: {total} in {_duration(spent)}", flush=True)

    return show


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
