"""RunStatus: how a search stands, read from its folder while it runs or after; nothing is disturbed."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.folds.fold_search import JOURNAL, folds_folder, own_settings
from experiments.journal import Journal, JournalReader, TrialRecord, all_ended
from experiments.manifest import LOCK, Manifest, read_manifest
from experiments.settings import SearchSettings
from experiments.showing.progress import Progress, progress_of
from experiments.showing.wording import command
from experiments.whole_journal import read_whole_journal
from trashseg_core.disk.locks import lock_holder

WINDOW = 60
"""Reports that the pace is taken from."""
GAP = 10
"""A pause this many times longer than usual is no training: the search was stopped then."""


@dataclass(frozen=True)
class RunStatus:
    """A search as others see it. Whether a trial runs or waits is told by the rung at which it stands."""

    folder: Path
    """As the user names it."""
    manifest: Manifest
    progress: Progress
    process: str | None
    """Id of the process that drives the search, or None."""
    report_times: list[float]
    """Of all epochs, seconds since 1970; of those of folds where these are trained."""
    folds: Progress | None = None
    """The models of the folds, where their training has begun. Those that reported run, while a process is there."""

    @property
    def state(self) -> str:
        """running, finished or stopped."""
        if self.process is not None:
            return "running"
        done = (
            self.all_ended
            and not self.folds_are_open
            and "ensemble" in self.manifest.hops
            and (self.folder / "report.html").is_file()
        )
        return "finished" if done else "stopped"

    @property
    def all_ended(self) -> bool:
        """Whether no trial goes on, so that only the other hops are left."""
        return self.manifest.budget_is_spent or all_ended(self.records, self.manifest.settings.trials)

    @property
    def folds_are_open(self) -> bool:
        """Whether a model of a fold is still to be trained."""
        return self.folds is not None and any(one.status is None for one in self.folds.journal.trials.values())

    @property
    def records(self) -> list[TrialRecord]:
        """Of all trials so far."""
        return list(self.progress.journal.trials.values())

    @property
    def eta_s(self) -> float | None:
        """Seconds until the last trial's end at the pace of late; None where nothing runs or nothing is known."""
        pace = pace_s(self.report_times)
        if pace is None or self.process is None or (self.all_ended and not self.folds_are_open):
            return None
        return (self.progress if self.folds is None else self.folds).open_epochs() * pace

    def document(self) -> dict[str, Any]:
        """For machines: the fields that `status --json` prints."""
        progress, objective = self.progress, self.progress.objective
        value, key, epoch = progress.best or (None, None, None)
        age_s = max(0.0, time.time() - self.report_times[-1]) if self.report_times else None
        return {
            "folder": str(self.folder),
            "state": self.state,
            "process": self.process,
            "trials": {"planned": progress.num_trials, **progress.counts()},
            "epochs_done": sum(len(record.epochs) for record in self.records),
            "objective": objective,
            "best": None if key is None else {"trial": key, "epoch": epoch, "value": value},
            "running": _running(progress),
            "failures": _failures(progress),
            "folds": None if self.folds is None else self._folds_document(self.folds),
            "last_report_s": None if age_s is None else round(age_s, 1),
            "eta_s": None if self.eta_s is None else round(self.eta_s, 1),
            "go_on": command("resume", self.folder) if self.state == "stopped" else None,
        }

    def _folds_document(self, folds: Progress) -> dict[str, Any]:
        models = {"planned": folds.num_trials, **folds.counts()}
        running, failures = _running(folds), _failures(folds)
        return {"folds": self.manifest.settings.folds, "models": models, "running": running, "failures": failures}


def _running(progress: Progress) -> list[dict[str, Any]]:
    records = progress.journal.trials.values()
    return [_trial(progress, record) for record in records if record.key in progress.running]


def _failures(progress: Progress) -> list[dict[str, Any]]:
    records = progress.journal.trials.values()
    return [{"trial": one.key, "reason": one.error} for one in records if one.status == "failed"]


def _trial(progress: Progress, record: TrialRecord) -> dict[str, Any]:
    best, left_s = record.best(progress.objective), progress.trial_eta_s(record)
    epoch = max(record.epochs, default=0)
    value = record.epochs[epoch].get(progress.objective) if epoch else None
    return {
        "trial": record.key,
        "epoch": epoch,
        "epochs": record.config.get("last_epoch", progress.epochs),
        "value": value,
        "best": best[1] if best else None,
        "eta_s": None if left_s is None else round(left_s, 1),
    }


def read_status(folder: Path) -> RunStatus:
    """Look at a run folder.

    Raises:
        BadInput: there is no search in it, or its manifest or journal is damaged.
    """
    manifest = read_manifest(folder)
    process = lock_holder(folder / LOCK)
    journal = read_whole_journal(folder) if process is None else JournalReader(folder / "journal.jsonl")
    progress = progress_of(manifest.settings, journal)
    if process is not None:
        open_trials = [record for record in journal.trials.values() if record.status is None]
        progress.running = {one.key for one in open_trials if max(one.epochs, default=0) not in progress.rungs}
    folds = _fold_progress(manifest.settings, process is not None)
    return RunStatus(folder, manifest, progress, process, _report_times((folds or progress).journal), folds)


def _fold_progress(settings: SearchSettings, is_driven: bool) -> Progress | None:
    """How far the models of the folds are; None before their training begins."""
    path = None if settings.folds is None else folds_folder(settings) / JOURNAL
    if path is None or not path.is_file():
        return None
    journal = JournalReader(path)
    if not journal.trials:
        return None
    progress = progress_of(own_settings(settings, len(journal.trials)), journal)
    if is_driven:  # all were entered at the start, and which of them hold a slot is not recorded
        progress.running = {one.key for one in journal.trials.values() if one.status is None and one.epochs}
    return progress


def _report_times(journal: Journal) -> list[float]:
    return sorted(one for record in journal.trials.values() for one in record.moments.reported.values())


def pace_s(report_times: Sequence[float]) -> float | None:
    """Seconds from one epoch's report to the next, of all trials together; None before the second.

    Args:
        report_times: ascending.
    """
    window = report_times[-WINDOW:]
    pauses = [after - before for before, after in zip(window, window[1:], strict=False)]
    usual = [pause for pause in pauses if pause <= GAP * max(1.0, statistics.median(pauses))]
    return statistics.mean(usual) if usual else None
