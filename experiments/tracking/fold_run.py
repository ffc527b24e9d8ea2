"""The run of a fold's model: a trial's configuration, trained without that fold; and what they score together."""

from experiments.folds.fold_files import fold_files
from experiments.folds.fold_models import OutOfFold, out_of_fold
from experiments.folds.fold_search import JOURNAL, folds_folder, hyperparameters, name_of, own_settings
from experiments.journal import JournalReader, TrialRecord
from experiments.tracking.data_inputs import file_inputs
from experiments.tracking.identity import FOLD_RUN, FOLD_TAG, OF_TRIAL_TAG, OUT_OF_FOLD, SEARCH_RUN
from experiments.tracking.store import Store
from experiments.tracking.tracked_run import TrackedRun, digest_of
from experiments.tracking.trial_pictures import attach_pictures
from experiments.tracking.trial_run import bring_course, resolved


def bring_fold(store: Store, record: TrialRecord, has_search_ended: bool = False) -> None:
    """Bring the run of one model to what the folds' journal holds.

    Args:
        has_search_ended: a model without an end is not trained any more.
    """
    settings, parent = store.settings, store.known(SEARCH_RUN)
    assert parent is not None, "bring the search first"
    name, source, fold = name_of(record.config), str(record.config["source"]), int(record.config["fold"])
    tags = {"mlflow.parentRunId": parent.id, FOLD_TAG: str(fold), OF_TRIAL_TAG: source}
    files = fold_files(settings).data_of(fold)
    note = (
        f"The configuration of {source}, trained without fold {fold} of {settings.folds} and scored on it. Train it "
        f"again: `python run_search.py train --from {settings.folder} --trial {source} --data {settings.data} "
        f"--train-file {files.train_file} --val-file {files.val_file}`"
    )
    run = store.run(
        FOLD_RUN,
        _digest(store, name),
        name,
        {**tags, "mlflow.note.content": note},
        started=record.moments.proposed,
    )
    run.log_params(resolved(hyperparameters(record.config)))
    run.log_inputs(file_inputs({split: files.split_path(split) for split in ("train", "val")}))
    bring_course(run, record, own_settings(settings, 1), has_search_ended)


def bring_fold_models(store: Store, records: dict[str, TrialRecord], status: str) -> None:
    """Bring all models of the folds when their training has ended, and close the search's run."""
    for record in list(records.values()):
        bring_fold(store, record, has_search_ended=True)
    parent = store.known(SEARCH_RUN)
    assert parent is not None, "bring the search first"
    parent.end(status, max((record.moments.last for record in records.values()), default=None))


def bring_folds(store: Store) -> None:
    """Bring all models of the folds, their pictures and what they score together; nothing without folds."""
    settings = store.settings
    if settings.folds is None or not (folds_folder(settings) / JOURNAL).is_file():
        return
    records = JournalReader(folds_folder(settings) / JOURNAL).trials
    for record in records.values():
        bring_fold(store, record, has_search_ended=True)
    scored = out_of_fold(settings)
    moment = max((record.moments.last for record in records.values()), default=0.0)
    for trial_id, one in scored.items():
        run = store.known(trial_id)
        if run is not None:
            names = (OUT_OF_FOLD, f"{OUT_OF_FOLD}_low", f"{OUT_OF_FOLD}_high")
            _bring_scores(run, dict(zip(names, (one.pooled, *one.interval), strict=True)), one, moment)
    parent, best = store.known(SEARCH_RUN), max(scored.values(), key=lambda one: one.pooled, default=None)
    if parent is not None and best is not None:
        _bring_scores(parent, {f"best_{OUT_OF_FOLD}": best.pooled}, best, moment)


def bring_fold_pictures(store: Store) -> None:
    """Attach confusion matrix, classes and learning curves of every model of the folds."""
    settings = store.settings
    if settings.folds is None or not (folds_folder(settings) / JOURNAL).is_file():
        return
    for record in JournalReader(folds_folder(settings) / JOURNAL).trials.values():
        run = known_model(store, name_of(record.config))
        if run is not None:
            attach_pictures(run, record, own_settings(settings, 1))


def known_model(store: Store, name: str) -> TrackedRun | None:
    """The run of a member of an ensemble, a trial or a fold's model, where the store has it."""
    found = store.known(name)
    return found if found is not None or store.settings.folds is None else store.known(FOLD_RUN, _digest(store, name))


def _digest(store: Store, name: str) -> str:
    """Tells models of one name apart that are of another number of folds."""
    return f"{folds_folder(store.settings).name}/{name}"


def _bring_scores(run: TrackedRun, values: dict[str, float], scored: OutOfFold, moment: float) -> None:
    stamp = digest_of(f"{sorted(values.items())} {scored.per_fold}")
    if not run.has("folds", stamp):
        run.log_metrics(values, moment)
        run.remember("folds", stamp)
