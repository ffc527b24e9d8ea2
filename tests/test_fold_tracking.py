"""The models of folds have the same names everywhere, and MLflow, status and report tell what they score."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import run_search
from experiments.folds.fold_models import out_of_fold
from experiments.folds.fold_search import JOURNAL, folds_folder
from experiments.journal import Journal, JournalReader
from experiments.report import write_report
from experiments.settings import SearchSettings
from experiments.showing.farewell import standing
from experiments.showing.options import Showing
from experiments.tracking.connection import connect
from experiments.tracking.fold_run import known_model
from experiments.tracking.identity import EXPERIMENT, FOLD_RUN, FOLD_TAG, OF_TRIAL_TAG, TRIAL_TAG
from experiments.tracking.mirror import bring_run_folder
from experiments.tracking.store import Store
from experiments.tracking.tracker import tracked_folds
from experiments.ui import save_views
from tests.made_folds import SOURCES, make_folds
from tests.tracked_trials import refuse
from trashseg_core.checkpoint import read_confusions
from trashseg_core.confusion import miou

MODELS = [f"{source}-fold{fold}" for source in SOURCES for fold in (1, 2)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> SearchSettings:
    return make_folds(tmp_path_factory.mktemp("runs") / "folded", open_epochs=4)


@pytest.fixture(scope="module")
def runs(settings: SearchSettings, empty_store: Path) -> dict[str, Any]:
    """The store by names of runs: while the last model trained it was tracked, and afterwards brought twice."""
    shutil.copy(empty_store, settings.out)
    bring_run_folder(settings)
    journal = Journal(folds_folder(settings) / JOURNAL)
    with tracked_folds(settings, journal, refuse) as tracker:
        record = journal.trials[MODELS[-1]]
        tracker.trial_started(record)
        for epoch in range(5, 10):
            journal.add_epoch(record.key, epoch, {"val_miou": epoch / 20, "epoch_s": 2.0})
            tracker.epoch_reported(record, epoch)
    journal.close()
    bring_run_folder(settings)
    client = connect(settings.tracking)
    found = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert len({run.info.run_name for run in found}) == len(found)
    return {"client": client, **{run.info.run_name: run for run in found}}


@pytest.mark.slow
def test_each_model_of_a_fold_is_one_run_that_names_its_trial_and_its_fold(runs: dict[str, Any]) -> None:
    tags = {name: runs[name].data.tags for name in MODELS}
    assert {(one[OF_TRIAL_TAG], one[FOLD_TAG]) for one in tags.values()} == {
        (source, fold) for source in SOURCES for fold in ("1", "2")
    }
    assert {one[TRIAL_TAG] for one in tags.values()} == {FOLD_RUN}
    assert {one["mlflow.parentRunId"] for one in tags.values()} == {runs["folded"].info.run_id}


@pytest.mark.slow
def test_each_epoch_of_a_fold_s_model_is_one_step(runs: dict[str, Any]) -> None:
    for name in MODELS:
        history = runs["client"].get_metric_history(runs[name].info.run_id, "val_miou")
        assert sorted(one.step for one in history) == list(range(1, 10)), name


@pytest.mark.slow
def test_a_model_without_an_end_is_closed_when_nothing_trains_any_more(runs: dict[str, Any]) -> None:
    assert [runs[name].info.status for name in MODELS] == ["FINISHED"] * 3 + ["KILLED"]


@pytest.mark.slow
def test_the_params_of_a_fold_s_model_are_its_trial_s(runs: dict[str, Any]) -> None:
    assert runs["t0000-fold1"].data.params == runs["t0000"].data.params


@pytest.mark.slow
def test_a_trial_s_run_has_what_its_models_score_together(settings: SearchSettings, runs: dict[str, Any]) -> None:
    (trial_id,) = out_of_fold(settings)  # the other one lacks a model
    folder = folds_folder(settings) / "trials"
    results = JournalReader(settings.folder / "journal.jsonl").trials[trial_id]
    own = settings.folder / "trials" / trial_id / f"epoch_{max(results.epochs):04d}"
    total = sum(
        read_confusions(path).per_image.sum(axis=0)
        for path in (own, *(folder / f"{trial_id}-fold{fold}" / "epoch_0009" for fold in (1, 2)))
    )
    metrics = runs[trial_id].data.metrics
    assert metrics["out_of_fold_miou"] == pytest.approx(miou(total))
    assert metrics["out_of_fold_miou_low"] < metrics["out_of_fold_miou"] < metrics["out_of_fold_miou_high"]
    assert runs["folded"].data.metrics["best_out_of_fold_miou"] == metrics["out_of_fold_miou"]


@pytest.mark.slow
def test_a_member_of_an_ensemble_is_found_whether_a_trial_or_a_fold_s_model(
    settings: SearchSettings, runs: dict[str, Any]
) -> None:
    store = Store(settings)
    store.open()
    for name in ("t0000", "t0000-fold2"):
        run = known_model(store, name)
        assert run is not None and run.id == runs[name].info.run_id


@pytest.mark.slow
def test_models_of_folds_have_a_view_of_their_own_and_are_no_trials(
    settings: SearchSettings, runs: dict[str, Any]
) -> None:
    save_views(settings)
    tags = runs["client"].get_experiment_by_name(EXPERIMENT).tags
    states = {one["name"]: json.loads(one["state"]) for one in map(json.loads, _views(tags))}
    experiment = runs["folded"].info.experiment_id

    def shown(view: str) -> list[str]:
        found = runs["client"].search_runs([experiment], states[view]["searchFilter"])
        return sorted(run.info.run_name for run in found)

    assert shown("folded: folds") == MODELS
    assert shown("folded: best first") == sorted(JournalReader(settings.folder / "journal.jsonl").trials)


def _views(tags: dict[str, str]) -> list[str]:
    return [value for name, value in tags.items() if name.startswith("mlflow.sharedViewState.")]


def test_status_tells_how_many_models_of_folds_are_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = make_folds(tmp_path / "run", open_epochs=4)
    assert run_search.main(["status", str(settings.folder)]) == 0
    assert "3 of 4 models of 3 folds ended (1 waiting, 3 finished)" in capsys.readouterr().out
    assert "3 of 4 models of folds have ended" in standing(settings.folder, Showing())


def test_the_report_compares_configurations_by_all_labelled_photos(tmp_path: Path) -> None:
    settings = make_folds(tmp_path / "run")
    page = write_report(settings.folder).read_text(encoding="utf-8")
    scored = out_of_fold(settings)
    assert set(scored) == set(SOURCES)
    for one in scored.values():
        assert f"{one.pooled:.4f}" in page
        assert len(one.per_fold) == 3 and one.pooled != pytest.approx(np.mean(one.per_fold), abs=1e-9)


def test_a_report_of_a_search_without_folds_has_no_such_section(tmp_path: Path) -> None:
    settings = make_folds(tmp_path / "run")
    shutil.rmtree(folds_folder(settings))
    assert ">Folds<" not in write_report(settings.folder).read_text(encoding="utf-8")
