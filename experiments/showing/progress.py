"""Progress: how far a search is, in numbers."""

import time
from dataclasses import dataclass, field

from experiments.journal import Journal, TrialRecord
from experiments.policy.rungs import milestones, planned_epochs
from experiments.settings import SearchSettings

STATES = ("running", "waiting", "finished", "stopped", "failed")


@dataclass
class Progress:
    """Who runs, who waits, what is the best, and when the search will end."""

    journal: Journal
    objective: str
    num_trials: int
    epochs: int
    rungs: tuple[int, ...] = ()
    """Epochs after which a trial waits for its promotion; none where the scheduler lets trials run through."""
    planned_epochs: float | None = None
    """Epochs of the whole search, where the scheduler makes them foreseeable."""
    slots: int | None = None
    """Trials that may run side by side; None before Ray has said what there is."""
    running: set[str] = field(default_factory=set)
    """Keys of the trials that hold a slot."""
    best: tuple[float, str, int] | None = None
    """Value, trial and epoch of the best report so far."""
    _session_epochs: int = 0
    _epochs_done: int = 0
    _ended: list[int] = field(default_factory=list)
    """Lengths of the trials that ended."""
    _open: dict[str, TrialRecord] = field(default_factory=dict)
    """Trials without an end."""
    _begun: float = field(default_factory=lambda: time.monotonic())
    _first_start: float | None = None
    """When the first trial ran; the pace counts from then."""

    def __post_init__(self) -> None:
        """Count what the journal holds once: a search of 1,000 trials must not be counted anew at each report."""
        for record in self.journal.trials.values():
            self._epochs_done += max(record.epochs, default=0)
            if record.status is None:
                self._open[record.key] = record
            else:
                self._ended.append(max(record.epochs, default=0))
            reached = record.best(self.objective)
            if reached is not None and record.status != "failed":
                self._offer(reached[1], record.key, reached[0])

    def trial_started(self, record: TrialRecord) -> None:
        """Count a trial as running."""
        if self._first_start is None:
            self._first_start = time.monotonic()
        self.running.add(record.key)
        self._open[record.key] = record

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Count an epoch; at a rung the trial waits, unless it goes on at once, which its next report tells."""
        self._session_epochs += 1
        self._epochs_done += 1
        if epoch in self.rungs:
            self.running.discard(record.key)
        else:
            self.running.add(record.key)
        self._offer(record.epochs[epoch][self.objective], record.key, epoch)

    def trial_ended(self, record: TrialRecord) -> None:
        """Count a trial as ended."""
        self.running.discard(record.key)
        self._open.pop(record.key, None)
        self._ended.append(max(record.epochs, default=0))

    def _offer(self, value: float, key: str, epoch: int) -> None:
        if self.best is None or value > self.best[0]:
            self.best = (value, key, epoch)

    def state(self, record: TrialRecord) -> str:
        """One of `STATES`."""
        return record.status or ("running" if record.key in self.running else "waiting")

    def counts(self) -> dict[str, int]:
        """Number of trials in each state."""
        states = [self.state(record) for record in list(self.journal.trials.values())]
        return {state: states.count(state) for state in STATES}

    @property
    def num_ended(self) -> int:
        """Trials that have an end."""
        return len(self._ended)

    def elapsed_s(self) -> float:
        """Seconds since this start."""
        return time.monotonic() - self._begun

    def eta_s(self) -> float | None:
        """Seconds that the rest will take at the pace of this start; None before its first report."""
        if self._first_start is None or not self._session_epochs:
            return None
        return self.open_epochs() * (time.monotonic() - self._first_start) / self._session_epochs

    def open_epochs(self) -> float:
        """Epochs that are still to be trained.

        Without a plan, trials that will be stopped are foreseen by the mean length of those that ended.
        """
        if self.planned_epochs is not None:
            return max(self.planned_epochs - self._epochs_done, len(self.running))
        expected = sum(self._ended) / len(self._ended) if self._ended else float(self.epochs)
        open_epochs = sum(max(expected - max(record.epochs, default=0), 1.0) for record in self._open.values())
        return open_epochs + expected * max(0, self.num_trials - len(self.journal.trials))

    def trial_eta_s(self, record: TrialRecord) -> float | None:
        """Seconds until a running trial reaches its next rung or its end; None where its epochs tell no time."""
        epoch_s = record.typical("epoch_s") if record.epochs else None
        if epoch_s is None or record.key not in self.running:
            return None
        done = max(record.epochs)
        goal = min((rung for rung in (*self.rungs, self.epochs) if rung > done), default=done)
        return (goal - done) * epoch_s


def progress_of(settings: SearchSettings, journal: Journal) -> Progress:
    """The progress of a search, before any of its trials runs."""
    progress = Progress(journal, settings.objective, settings.trials, settings.epochs)
    if settings.scheduler == "promotion":
        rungs = milestones(settings.epochs, settings.first_rung, settings.reduction_factor)
        progress.rungs = tuple(rungs)
        progress.planned_epochs = planned_epochs(
            settings.trials, settings.epochs, rungs, settings.reduction_factor, settings.full_trials
        )
    return progress
