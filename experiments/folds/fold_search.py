"""The search of the folds: where it is kept, how its models are called, and with which settings it runs."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.settings import SearchSettings

RESULTS, JOURNAL = "results.json", "journal.jsonl"
"""Of the folder of the folds, as a search has them in its run folder."""
PLACE = ("source", "fold", "last_epoch")
"""What a fold's model has in its record's config beside hyperparameters: its trial, its fold, when it ends."""


def folds_folder(settings: SearchSettings) -> Path:
    """Folder of everything that belongs to the folds of a search."""
    assert settings.folds is not None
    return settings.folder / f"folds_{settings.folds}"


def fold_name(trial_id: str, fold: int) -> str:
    """Name of a configuration's model: the trial's own for fold 0, which the search has trained."""
    return f"{trial_id}-fold{fold}" if fold else trial_id


def source_of(name: str) -> str:
    """The trial whose configuration a model has, from the model's name; of anything else the name itself."""
    return name.partition("-fold")[0]


def name_of(config: Mapping[str, Any]) -> str:
    """Name of the model that a record of the folds' journal is about; in older journals its key is a number."""
    return fold_name(str(config["source"]), int(config["fold"]))


def hyperparameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record's config is the trial's."""
    return {name: value for name, value in config.items() if name not in PLACE}


def own_settings(settings: SearchSettings, num_models: int) -> SearchSettings:
    """The settings of a search with nothing to propose and nothing to stop early, in the folder of the folds.

    Limits hold as in the search, all models are candidates, and the disk budget is left to `disk_left`.
    """
    folder = folds_folder(settings)
    return replace(
        settings,
        out=str(folder.parent),
        name=folder.name,
        trials=num_models,
        top_k=max(num_models, settings.top_k),
        keep=max(num_models, settings.top_k),
        scheduler="asha",
        full_trials=1,
        grace_period=settings.epochs,
        sampler="random",
        second_objective=None,
        time_budget=None,
        disk_gb=None,
    )
