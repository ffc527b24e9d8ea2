"""The hop that trains a search's best configurations once for each further fold."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.checkpoints.keeper import Keeper, with_weights
from experiments.folds.fold_files import FoldFiles, deal_folds, fold_files
from experiments.journal import Journal
from experiments.placement.trial_memory import memory_mb
from experiments.results import TrialResult, candidates, rank, read_results, result_of, write_results
from experiments.settings import SearchSettings
from experiments.showing.display import Display
from experiments.showing.progress import progress_of
from experiments.terminal import Terminal
from trashseg_core.config import TrialConfig

RESULTS = "results.json"


def train_folds(settings: SearchSettings, display: Display) -> None:
    """Train each of the top-k configurations on the folds that it has no model of yet; write `results.json` of these.

    They run on the search's slots, under a journal of their own, so that a kill costs no epoch that has a checkpoint.
    Nothing is stopped early: each trains for as many epochs as its trial of the search did, and the best one counts.

    Raises:
        BadInput: no trial left weights, or there are fewer scenes than folds.
    """
    from experiments.search import run

    files = fold_files(settings)
    sources = fold_sources(settings)
    configs = [TrialConfig.from_params(source.config) for source in sources]
    files.folder.mkdir(exist_ok=True)
    deal_folds(files, configs[0].predict_size, settings.seed)
    journal = Journal(files.folder / "journal.jsonl")
    enlist(journal, sources, files.num_folds)
    own = own_settings(settings, files, len(journal.trials))
    try:
        if any(record.status is None for record in journal.trials.values()):
            say_plan(journal, files.num_folds, display)
            terminal = Terminal(progress_of(own, journal), display)
            known = {"trial_memory_mb": max(memory_mb(config) for config in configs), "say": display.say}
            with terminal:
                trainable = build_trainable(files, own)
                run(own, lambda _: None, trainable, journal, (terminal,), on_slots=terminal.slots_planned, **known)
    finally:
        Keeper(journal, own).tidy()
        rows = [result_of(record, own.objective, own.folder) for record in journal.trials.values()]
        write_results(own.folder / RESULTS, rank(rows, own.objective))
        journal.close()


def fold_sources(settings: SearchSettings) -> list[TrialResult]:
    """The trials of the search whose configurations are trained on all folds: the top k, best first."""
    every = rank(read_results(settings.folder / RESULTS), settings.objective)
    return candidates(with_weights(every, settings.folder), settings.top_k)


def enlist(journal: Journal, sources: Sequence[TrialResult], num_folds: int) -> None:
    """Enter what is to be trained and is not in the journal: every source on every fold but the search's own."""
    there = {(record.config["source"], record.config["fold"]) for record in journal.trials.values()}
    for source in sources:
        for fold in range(1, num_folds):
            if (source.trial_id, fold) not in there:
                place = {"source": source.trial_id, "fold": fold, "last_epoch": source.epochs_run}
                journal.add_trial({}, {}, {**source.config, **place})


def own_settings(settings: SearchSettings, files: FoldFiles, num_trials: int) -> SearchSettings:
    """The settings of a search with nothing to propose and nothing to stop, in the folder of the folds."""
    return replace(
        settings,
        out=str(files.folder.parent),
        name=files.folder.name,
        trials=num_trials,
        keep=max(num_trials, settings.top_k),
        scheduler="asha",
        grace_period=settings.epochs,
        sampler="random",
        second_objective=None,
        time_budget=None,
        disk_gb=None,
        max_memory_mb=None,
        max_parameters_m=None,
        max_seconds_per_image=None,
    )


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

    jobs = [TrialJob(files.data_of(fold), str(settings.folder), settings.objective) for fold in range(files.num_folds)]

    def trainable(params: dict[str, Any]) -> None:
        values = {name: value for name, value in params.items() if name not in ("source", "fold", "last_epoch")}
        run_trial(jobs[params["fold"]], values)

    return trainable


def fold_models(settings: SearchSettings) -> dict[str, list[Path]]:
    """The checkpoints of each configuration that has a model of every fold, fold 0 first; best configuration first."""
    files, models = fold_files(settings), dict[str, list[Path]]()
    trained = {(one.config["source"], one.config["fold"]): one for one in read_results(files.folder / RESULTS)}
    usable = {place: one for place, one in trained.items() if with_weights([one], files.folder)}
    for source in fold_sources(settings):
        places = [(source.trial_id, fold) for fold in range(1, files.num_folds)]
        if all(place in usable and usable[place].status != "failed" for place in places):
            own = settings.folder / str(source.checkpoint)
            models[source.trial_id] = [own, *(files.folder / str(usable[place].checkpoint) for place in places)]
    return models
