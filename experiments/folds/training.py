"""The hop that trains a search's best configurations once for each further fold."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from experiments.checkpoints.keeper import Keeper
from experiments.folds.disk_left import disk_left
from experiments.folds.fold_files import FoldFiles, deal_folds, fold_files
from experiments.folds.fold_models import fold_sources
from experiments.folds.fold_search import (
    JOURNAL,
    RESULTS,
    fold_name,
    folds_folder,
    hyperparameters,
    own_settings,
)
from experiments.journal import Journal, JournalReader
from experiments.placement.trial_memory import memory_mb
from experiments.results import TrialResult, results_are, results_of, write_results
from experiments.settings import SearchSettings
from experiments.showing.display import Display
from experiments.showing.progress import progress_of
from experiments.terminal import Terminal
from experiments.tracking.tracker import tracked_folds
from experiments.whole_journal import read_whole_journal
from trashseg_core.config import TrialConfig


def train_folds(settings: SearchSettings, display: Display) -> None:
    """Train each of the top-k configurations on the folds that it has no model of yet; write `results.json` of these.

    They run on the search's slots, under a journal of their own, so that a kill costs no epoch that has a checkpoint.
    Nothing is stopped early: each trains for as many epochs as its trial of the search did, and the best one counts.

    Raises:
        BadInput: no trial left weights, there are fewer scenes than folds, or the disk budget is spent.
    """
    from experiments.search import run

    files = fold_files(settings)
    sources = fold_sources(settings)
    configs = [TrialConfig.from_params(source.config) for source in sources]
    files.folder.mkdir(exist_ok=True)
    read_folds_journal(settings)  # one that was damaged is not gone on with
    deal_folds(files, configs[0].predict_size, settings.seed)
    journal = Journal(files.folder / JOURNAL)
    enlist(journal, sources, files.num_folds)
    own = own_settings(settings, len(journal.trials))
    try:
        if any(record.status is None for record in journal.trials.values()):
            own = replace(own, disk_gb=disk_left(settings, len(journal.trials)))
            say_plan(journal, files.num_folds, display)
            terminal = Terminal(progress_of(own, journal), display)
            known = {"trial_memory_mb": max(memory_mb(config) for config in configs), "say": display.say}
            with terminal, tracked_folds(settings, journal, display.say) as tracker:
                trainable = build_trainable(files, own)
                listeners = (terminal, tracker)
                run(own, lambda _: None, trainable, journal, listeners, on_slots=terminal.slots_planned, **known)
    finally:
        Keeper(journal, own).tidy()
        write_results(own.folder / RESULTS, results_of(journal.trials.values(), own.objective, own.folder))
        journal.close()


def folds_are_whole(settings: SearchSettings, say: Callable[[str], None]) -> bool:
    """Whether the results of the folds are what their journal says; if not, that is said.

    Raises:
        BadInput: the journal is damaged, or lines are missing.
    """
    folder = folds_folder(settings)
    known = results_of(read_folds_journal(settings).trials.values(), settings.objective, folder)
    return results_are(known, folder / RESULTS, say)


def read_folds_journal(settings: SearchSettings) -> JournalReader:
    """The journal of the folds, empty before they are begun.

    Raises:
        BadInput: it is damaged, or lines are missing.
    """
    folder = folds_folder(settings)
    return read_whole_journal(folder, f"Restore it from a backup, or remove {folder} to train the folds anew.")


def enlist(journal: Journal, sources: Sequence[TrialResult], num_folds: int) -> None:
    """Enter what is to be trained and is not in the journal: every source on every fold but the search's own."""
    there = {(record.config["source"], record.config["fold"]) for record in journal.trials.values()}
    for source in sources:
        for fold in range(1, num_folds):
            if (source.trial_id, fold) not in there:
                place = {"source": source.trial_id, "fold": fold, "last_epoch": source.epochs_run}
                journal.add_trial({}, {}, {**source.config, **place}, key=fold_name(source.trial_id, fold))


def say_plan(journal: Journal, num_folds: int, display: Display) -> None:
    """Say which trial is which model."""
    named: dict[str, list[str]] = {}
    for record in journal.trials.values():
        named.setdefault(record.config["source"], []).append(record.key)
    for source, keys in named.items():
        display.say(f"{source} is trained without each of the folds 1 to {num_folds - 1}: {', '.join(keys)}")


def build_trainable(files: FoldFiles, settings: SearchSettings) -> Callable[[dict[str, Any]], None]:
    """Return the function trainable of a fold's model: a trial's, on the data of its fold."""
    from experiments.trainable import TrialJob, run_trial

    shared = (str(settings.folder), settings.objective, settings.limits, settings.disk_bytes)
    jobs = [TrialJob(files.data_of(fold), *shared) for fold in range(files.num_folds)]

    def trainable(params: dict[str, Any]) -> None:
        run_trial(jobs[params["fold"]], hyperparameters(params))

    return trainable
