"""The mirror: an MLflow store brought to what a run folder holds. Doing it again changes nothing."""

import threading
import time
from collections.abc import Callable

from experiments.journal import TrialRecord, all_ended
from experiments.preflight import LOCK
from experiments.results import read_results
from experiments.secrets import redacted
from experiments.settings import SearchSettings
from experiments.tracking.connection import is_damaged, reason_of
from experiments.tracking.ensemble_run import bring_ensemble
from experiments.tracking.fold_run import bring_fold_pictures, bring_folds
from experiments.tracking.search_run import bring_results, bring_search
from experiments.tracking.store import Store
from experiments.tracking.submission_run import bring_submissions
from experiments.tracking.trial_pictures import attach_pictures
from experiments.tracking.trial_run import bring_trial
from experiments.whole_journal import read_whole_journal
from trashseg_core.disk.locks import locked
from trashseg_core.errors import BadInput

PATIENCE_S = 120.0
"""That a search has for its store at the end; `sync` has no limit."""
WRITING = threading.Lock()
"""Held by whoever writes: a tracker whose store hangs may still be at it."""


class NotBrought(RuntimeError):
    """The store did not take everything."""


class StoreDamaged(NotBrought, BadInput):
    """The store is a database that is broken: the user has to move it away."""


def bring_run_folder(settings: SearchSettings, patience_s: float = float("inf")) -> None:
    """Bring everything that the folder of a search holds; the search itself is not running.

    Raises:
        NotBrought: the store failed; what it took stays there.
    """
    if not WRITING.acquire(blocking=False):
        raise NotBrought(f"MLflow at {redacted(settings.tracking)} still hangs. {_later(settings)}")
    try:
        store = Store(settings)
        store.give_up_at = time.monotonic() + patience_s
        trials = read_whole_journal(settings.folder).trials
        store.open()
        bring_trials(store, trials, "FINISHED" if _is_complete(settings, trials) else "KILLED")
        bring_folds(store)
        _bring_pictures(store, trials)
        bring_fold_pictures(store)
        bring_ensemble(store)
        bring_submissions(store)
        store.doubt()
        store.open()
    except BadInput:
        raise
    except Exception as error:  # the store is somebody else's: it raises whatever it likes
        reason = reason_of(error, settings.tracking)
        advice, kind = (_anew(settings), StoreDamaged) if is_damaged(reason) else (_later(settings), NotBrought)
        told = f"MLflow at {redacted(settings.tracking)} did not take everything ({reason}). {advice}"
        raise kind(told) from error
    finally:
        WRITING.release()


def bring_trials(store: Store, trials: dict[str, TrialRecord], status: str) -> None:
    """Bring the search, all its trials and what it found, and close its run."""
    parent = bring_search(store, trials, is_running=False)
    for record in list(trials.values()):
        bring_trial(store, record, has_search_ended=True)
    bring_results(store, trials)
    parent.end(status, max((record.moments.last for record in trials.values()), default=None))


def _bring_pictures(store: Store, trials: dict[str, TrialRecord]) -> None:
    """Pictures of the trials that keep their weights: 0.4 s of a core each, too much for every trial of a search."""
    path = store.settings.folder / "results.json"
    if not path.is_file():
        return
    for result in read_results(path)[: store.settings.num_kept]:
        run = store.known(result.trial_id)
        if run is not None and result.trial_id in trials:
            attach_pictures(run, trials[result.trial_id], store.settings)


def try_to_bring(settings: SearchSettings, warn: Callable[[str], None]) -> bool:
    """Bring the run folder as far as the store takes it in reasonable time; return whether it took everything."""
    try:
        bring_run_folder(settings, PATIENCE_S)
    except NotBrought as error:
        warn(str(error))
        return False
    return True


def bring_if_free(settings: SearchSettings, warn: Callable[[str], None]) -> None:
    """Like `try_to_bring`, unless another process works in the run folder: a search that runs brings it itself."""
    try:
        with locked(settings.folder / LOCK, wait=False):
            try_to_bring(settings, warn)
    except (BadInput, OSError) as error:
        warn(f"MLflow is brought up to date later: {error}")


def _is_complete(settings: SearchSettings, trials: dict[str, TrialRecord]) -> bool:
    """Whether the search went to its end: every trial did, or what follows the trials was done."""
    return all_ended(trials.values(), settings.trials) or (settings.folder / "ensemble" / "ensemble.json").is_file()


def _anew(settings: SearchSettings) -> str:
    return f"The database is damaged. Move it away: `python run_search.py sync {settings.folder}` then writes it anew."


def _later(settings: SearchSettings) -> str:
    return f"Nothing is lost: `python run_search.py sync {settings.folder}` brings the rest later."
