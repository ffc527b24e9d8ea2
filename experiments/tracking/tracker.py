"""Tracking while a search runs: a thread that brings the store to what the journal holds, again and again."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from experiments.journal import Journal, TrialRecord
from experiments.secrets import redacted
from experiments.settings import SearchSettings
from experiments.tracking.connection import reason_of
from experiments.tracking.fold_run import bring_fold, bring_fold_models
from experiments.tracking.mirror import WRITING, bring_trials
from experiments.tracking.search_run import bring_search
from experiments.tracking.store import Store
from experiments.tracking.trial_run import bring_trial

PASS_S = 1.0
"""Between two looks: what is reported meanwhile travels in one request per trial."""
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 60.0
"""After a failure of the store, and after many."""
LAST_PASS_S, SHORT_PASS_S = 60.0, 10.0
"""For what is missing at the end of a search, and of one that somebody has interrupted and waits for."""


class Tracker:
    """Listens to the trials and has them logged. The search never waits for the store, and does not fail with it.

    Listening only notes which trials have news. What the news are stands in the journal, on disk: that is the buffer,
    for as long as the store is slow, full or gone, and beyond the end of this process (`mirror.bring_run_folder`).
    """

    def __init__(
        self,
        settings: SearchSettings,
        journal: Journal,
        warn: Callable[[str], None],
        bring: Callable[[Store, TrialRecord], None] = bring_trial,
        bring_all: Callable[[Store, dict[str, TrialRecord], str], None] = bring_trials,
    ) -> None:
        """Start the thread.

        Args:
            journal: of the models that are trained.
            warn: told of a store that fails.
            bring: brings the run of one model.
            bring_all: brings all at the end, with the status of the search's run.
        """
        self._bring, self._bring_ended = bring, bring_all
        self._store, self._journal, self._warn = Store(settings), journal, warn
        self._settings = settings
        self._news = dict.fromkeys(journal.trials)
        self._has_search, self._failures = False, 0
        self._ended, self._status = threading.Event(), "KILLED"
        self._thread = threading.Thread(target=self._run, name="tracking", daemon=True)
        self._thread.start()

    def trial_started(self, record: TrialRecord) -> None:
        """Have the trial's run created."""
        self._news[record.key] = None

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Have the metrics of an epoch logged."""
        self._news[record.key] = None

    def trial_ended(self, record: TrialRecord) -> None:
        """Have the trial's run closed."""
        self._news[record.key] = None

    def finish(self, status: str) -> None:
        """Bring what is missing, close the search's run, and wait for that: a minute, after an interruption less.

        Args:
            status: FINISHED, FAILED or KILLED, as MLflow calls it.
        """
        self._status = status
        patience_s = LAST_PASS_S if status == "FINISHED" else SHORT_PASS_S
        self._store.give_up_at = time.monotonic() + patience_s
        self._ended.set()
        self._thread.join(1.5 * patience_s)  # a request under way has a limit of its own
        if self._failures or self._thread.is_alive():
            place = self._settings.folder
            self._warn(f"MLflow misses a part of it. `python run_search.py sync {place}` brings the rest later.")

    def _run(self) -> None:
        with WRITING:
            while not self._ended.wait(self._pause()):
                if self._news or not self._has_search:
                    self._attempt(self._bring_news)
            self._attempt(self._bring_all)

    def _pause(self) -> float:
        if not self._failures:
            return PASS_S
        return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (self._failures - 1))

    def _attempt(self, bring: Callable[[], None]) -> None:
        uri = redacted(self._settings.tracking)
        try:
            bring()
        except Exception as error:  # the store is somebody else's: whatever it raises must not end the search
            self._failures += 1
            self._has_search = False
            self._store.doubt()
            if self._failures == 1:
                reason = reason_of(error, self._settings.tracking)
                self._warn(f"MLflow at {uri} failed ({reason}). The search goes on without it; it is tried again.")
        else:
            if self._failures:
                self._warn(f"MLflow at {uri} answers again: it has everything now.")
            self._failures = 0

    def _bring_news(self) -> None:
        self._open()
        while self._news and not self._ended.is_set():
            key, _ = self._news.popitem()  # before it is read: what comes meanwhile is news again
            try:
                self._bring(self._store, self._journal.trials[key])
            except Exception:
                self._news[key] = None
                raise

    def _open(self) -> None:
        self._store.open()
        if not self._has_search:
            bring_search(self._store, self._journal.trials, is_running=True)
            self._has_search = True

    def _bring_all(self) -> None:
        self._open()
        self._bring_ended(self._store, self._journal.trials, self._status)
        self._store.doubt()
        self._store.open()


@contextmanager
def tracked_folds(settings: SearchSettings, journal: Journal, warn: Callable[[str], None]) -> Iterator[Tracker]:
    """Track the models of a search's folds while they are trained.

    Args:
        settings: of the search.
        journal: of the folds.
    """
    tracker, status = Tracker(settings, journal, warn, bring_fold, bring_fold_models), "KILLED"
    try:
        yield tracker
        status = "FINISHED"
    finally:
        tracker.finish(status)
