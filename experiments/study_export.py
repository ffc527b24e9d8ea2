"""Study export: a search as an Optuna study in an SQLite file, for optuna-dashboard and for notebooks."""

import os
import sqlite3
import warnings
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from experiments.journal import JournalReader, TrialRecord
from experiments.manifest import LOCK, Manifest
from experiments.points.frozen_trials import frozen_trial, recorded_distributions
from experiments.results import result_of
from experiments.settings import SearchSettings
from experiments.whole_journal import read_whole_journal
from trashseg_core.disk.files import sync_file, sync_folder
from trashseg_core.disk.locks import lock_holder
from trashseg_core.disk.temporaries import temporary
from trashseg_core.errors import BadInput


def export_study(run: Path, manifest: Manifest, output: Path) -> str:
    """Write all trials of a search, also while it runs: what varied, every epoch, how and when each one ended.

    Args:
        output: the file; an older study gives way.

    Returns:
        How many trials of which state were written.

    Raises:
        BadInput: there is no trial yet, or `output` cannot be written or is something else than a study.
    """
    settings = replace(manifest.settings, out=str(run.absolute().parent), name=run.absolute().name)
    is_running = lock_holder(run / LOCK) is not None
    journal = JournalReader(run / "journal.jsonl") if is_running else read_whole_journal(run)
    if not journal.trials:
        raise BadInput(f"{run}: no trial was proposed yet, so there is no study. Export it when the search has begun.")
    _refuse_other_files(output)
    trials = [_exported(record, settings) for record in journal.trials.values()]
    try:
        with temporary(output.absolute()) as made:
            _write(made, settings, trials)
            sync_file(made)
            made.chmod(0o644)
            os.replace(made, output)
        sync_folder(output.absolute().parent)
    except OSError as error:
        raise BadInput(f"{output}: cannot be written ({error.strerror}). Choose another file.") from None
    states = Counter(trial.state.name for trial in trials)
    return f"{len(trials)} trials ({', '.join(f'{count} {state}' for state, count in states.items())})"


def study_url(path: Path) -> str:
    """The address of a study for optuna-dashboard and `optuna.load_study`."""
    return f"sqlite:///{path.absolute()}"


def _refuse_other_files(output: Path) -> None:
    if not output.absolute().parent.is_dir():
        raise BadInput(f"{output}: its folder does not exist. Make it, or choose another place.")
    if not output.exists():
        return
    try:
        with closing(sqlite3.connect(f"{output.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE name = 'studies'").fetchall()
    except sqlite3.Error:
        found = []
    if not found:
        raise BadInput(f"{output} is something else than an Optuna study, and is left as it is. Choose another file.")


def _exported(record: TrialRecord, settings: SearchSettings) -> FrozenTrial:
    """A trial as the searcher knows it, with its dates and what else the journal knows."""
    trial = frozen_trial(
        record, recorded_distributions(record), settings.objective, settings.second_objective, settings.limits
    )
    trial.datetime_start = datetime.fromtimestamp(record.moments.proposed)
    last = record.moments.last
    trial.datetime_complete = datetime.fromtimestamp(last) if trial.state.is_finished() else None
    result = result_of(record, settings.objective, settings.folder)
    trial.user_attrs = {
        "trial_id": record.key,
        "status": record.status or "without an end",
        "error": record.error,
        "best_epoch": result.best_epoch,
        "checkpoint": None if result.checkpoint is None else str(settings.folder / result.checkpoint),
        "config": record.config,
    }
    return trial


def _write(path: Path, settings: SearchSettings, trials: Iterable[FrozenTrial]) -> None:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # The path may hold what an address would take for a part of itself, so SQLite gets it as it is.
    storage = RDBStorage("sqlite://", engine_kwargs={"creator": lambda: _connect(path)})
    try:
        second = settings.second_objective
        directions: Any = ["maximize", "minimize"] if second else ["maximize"]
        study = optuna.create_study(storage=storage, study_name=settings.name, directions=directions)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([settings.objective, *([second] if second else [])])
        for name, value in {"data": settings.data, "space": settings.space, "epochs": settings.epochs}.items():
            study.set_user_attr(name, value)
        study.add_trials(trials)
    finally:
        optuna.logging.set_verbosity(verbosity)
        storage.remove_session()
        storage.engine.dispose()


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file that is synced once, when it is whole, instead of after each of some thousand statements."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")
    return connection
