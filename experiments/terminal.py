"""The terminal: what trials do is counted and shown; and the progress of long steps in one line."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from experiments.journal import TrialRecord
from experiments.showing.display import Display
from experiments.showing.progress import Progress
from experiments.showing.wording import duration

LINE_EVERY_S = 60.0
"""Between two lines of a long step where there is no terminal."""


@dataclass
class Terminal:
    """Listens to the trials: counts first, then shows."""

    progress: Progress
    display: Display
    _shown: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Terminal":
        self._shown.enter_context(self.display.trials(self.progress))
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.close()

    def slots_planned(self, slots: int) -> None:
        """Note how many trials may run side by side."""
        self.progress.slots = slots

    def trial_started(self, record: TrialRecord) -> None:
        """Show a trial as running."""
        self.progress.trial_started(record)
        self.display.trial_started(record)

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Show a trial's progress."""
        self.progress.epoch_reported(record, epoch)
        self.display.epoch_reported(record, epoch)

    def trial_ended(self, record: TrialRecord) -> None:
        """Show how a trial ended."""
        self.progress.trial_ended(record)
        self.display.trial_ended(record)


def progress_line(what: str) -> Callable[[int, int], None]:
    """Return a `Progress` callback: one line kept up to date on a terminal, elsewhere a line a minute and the end."""
    started = said = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal said
        spent = time.monotonic() - started
        left = spent / done * (total - done)
        if sys.stdout.isatty():
            end = "\n" if done == total else ""
            print(f"\r{what}: {done}/{total}, about {duration(left)} left ", end=end, flush=True)
        elif done == total:
            print(f"{what}: {total} in {duration(spent)}", flush=True)
        elif time.monotonic() - said > LINE_EVERY_S:
            said = time.monotonic()
            print(f"{what}: {done}/{total}, about {duration(left)} left", flush=True)

    return show
