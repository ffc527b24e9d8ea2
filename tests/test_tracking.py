"""MLflow holds one parent per search, one child per trial, each epoch once; and never stands in the way."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.journal import Journal
from experiments.settings import SearchSettings
from experiments.tracking import EXPERIMENT, STATUS_TAG, TRIAL_TAG, Tracker, connect, redacted

pytestmark = pytest.mark.slow  # creating an MLflow store takes seconds
TRIALS = {"t0000": [0.2, 0.6, 0.5], "t0001": [0.3], "t0002": [0.1, 0.2]}
STATUS = {"t0000": "finished", "t0001": "failed", "t0002": None}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> SearchSettings:
    out = tmp_path_factory.mktemp("o'brien's runs")
    return SearchSettings("data", "quick", "first", out=str(out), set=("lr=0.1",))


def refuse(text: str) -> None:
    """A warning where none belongs."""
    pytest.fail(text)


def report(journal: Journal, tracker: Tracker, key: str, epochs: dict[int, float]) -> None:
    for epoch, value in epochs.items():
        if journal.add_epoch(key, epoch, {"val_miou": value, "val_loss": 1 - value, "epoch": epoch}):
            tracker.epoch_reported(journal.trials[key], epoch)


@pytest.fixture(scope="module")
def runs(settings: SearchSettings) -> dict[str, Any]:
    """The store after a search that was interrupted after two epochs and gone on with: runs by trial, "" = parent."""
    settings.folder.mkdir()
    journal = Journal(settings.folder / "journal.jsonl")
    tracker = Tracker(settings, journal, refuse)
    for key, values in TRIALS.items():
        tracker.trial_started(journal.add_trial({}, {}, {"lr": 0.1, "optimizer": "sgd", "seed": int(key[1:])}))
        report(journal, tracker, key, dict(enumerate(values[:2], 1)))
    tracker.finish("KILLED", {}, [])
    journal.add_epoch("t0000", 3, {"val_miou": 0.5, "val_loss": 0.5, "epoch": 3})  # the tracker missed this one
    again = Tracker(settings, journal, refuse)
    for key in TRIALS:
        again.trial_started(journal.trials[key])
        report(journal, again, key, dict(enumerate(TRIALS[key], 1)))
        again.epoch_reported(journal.trials[key], 1)  # a resumed trial repeats itself
        if STATUS[key]:
            journal.end_trial(key, str(STATUS[key]), "it broke" if STATUS[key] == "failed" else None)
            again.trial_ended(journal.trials[key])
    artifact = settings.folder / "results.json"
    artifact.write_text("[]")
    again.finish("FINISHED", {"best_val_miou": 0.6}, [artifact])
    journal.close()
    client = connect(settings.tracking)
    found = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert len({run.data.tags[TRIAL_TAG] for run in found}) == len(found) == 4
    return {"client": client, **{run.data.tags[TRIAL_TAG]: run for run in found}}


def test_there_is_one_parent_and_one_child_per_trial(runs: dict[str, Any]) -> None:
    parent = runs[""].info.run_id
    assert [runs[key].data.tags["mlflow.parentRunId"] for key in TRIALS] == [parent] * 3
    assert "mlflow.parentRunId" not in runs[""].data.tags


@pytest.mark.parametrize("key", TRIALS)
def test_each_epoch_is_one_step_of_each_metric(runs: dict[str, Any], key: str) -> None:
    history = runs["client"].get_metric_history(runs[key].info.run_id, "val_miou")
    expected = list(enumerate(TRIALS[key], 1))
    assert sorted((metric.step, metric.value) for metric in history) == expected


def test_the_best_so_far_is_a_metric_of_its_own(runs: dict[str, Any]) -> None:
    assert runs["t0000"].data.metrics["best_val_miou"] == 0.6


@pytest.mark.parametrize("key", TRIALS)
def test_the_configuration_is_logged_as_params(runs: dict[str, Any], key: str) -> None:
    assert runs[key].data.params == {"lr": "0.1", "optimizer": "sgd", "seed": str(int(key[1:]))}


def test_the_settings_are_params_of_the_parent(runs: dict[str, Any]) -> None:
    assert {"name": "first", "trials": "20", "set": "('lr=0.1',)"}.items() <= runs[""].data.params.items()


def test_a_tracking_uri_which_may_hold_a_password_is_not_logged(runs: dict[str, Any]) -> None:
    assert "tracking_uri" not in runs[""].data.params


@pytest.mark.parametrize(("key", "status"), [("t0000", "FINISHED"), ("t0001", "FAILED"), ("t0002", "RUNNING")])
def test_a_trial_has_the_status_of_its_end(runs: dict[str, Any], key: str, status: str) -> None:
    assert runs[key].info.status == status
    assert runs[key].data.tags[STATUS_TAG] == (STATUS[key] or "running")


def test_the_parent_holds_the_results(runs: dict[str, Any]) -> None:
    run = runs[""]
    artifacts = [one.path for one in runs["client"].list_artifacts(run.info.run_id)]
    assert (run.info.status, run.data.metrics, artifacts) == ("FINISHED", {"best_val_miou": 0.6}, ["results.json"])


def test_two_searches_in_one_store_have_a_parent_each(runs: dict[str, Any], settings: SearchSettings) -> None:
    other = replace(settings, name="second")
    other.folder.mkdir()
    tracker = Tracker(other, Journal(other.folder / "journal.jsonl"), refuse)
    tracker.finish("FINISHED", {}, [])
    client = runs["client"]
    found = client.search_runs([runs[""].info.experiment_id], f"tags.`{TRIAL_TAG}` = ''")
    assert sorted(run.info.run_name for run in found) == ["first", "second"]


def test_a_store_that_fails_only_warns_once_and_without_the_password(tmp_path: Path) -> None:
    settings = SearchSettings("data", "quick", "first", out=str(tmp_path), tracking_uri="bogus://me:secret@host/db")
    settings.folder.mkdir()
    journal, warnings = Journal(settings.folder / "journal.jsonl"), list[str]()
    tracker = Tracker(settings, journal, warnings.append)
    record = journal.add_trial({}, {}, {"lr": 0.1})
    tracker.trial_started(record)
    report(journal, tracker, "t0000", {1: 0.5, 2: 0.6})
    tracker.finish("FINISHED", {}, [])
    assert len(warnings) == 1
    assert "MLflow at bogus://me:***@host/db failed" in warnings[0] and "goes on without it" in warnings[0]
    assert "secret" not in warnings[0]


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://me:secret@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("http://me:s@cret@host", "http://me:***@host"),
        ("http://host:5000", "http://host:5000"),
        ("http://me@host", "http://me@host"),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/mlflow.db"),
    ],
)
def test_a_password_is_never_shown(uri: str, shown: str) -> None:
    assert redacted(uri) == shown


def test_a_trial_that_ended_keeps_its_time_of_end(tmp_path: Path) -> None:
    """A search goes on for hours after its first trial's end; closing the search must not move it."""
    own = SearchSettings("data", "quick", "ends", out=str(tmp_path))
    own.folder.mkdir()
    journal = Journal(own.folder / "journal.jsonl")
    tracker = Tracker(own, journal, refuse)
    tracker.trial_started(journal.add_trial({}, {}, {"lr": 0.1}))
    report(journal, tracker, "t0000", {1: 0.5})
    journal.end_trial("t0000", "finished")
    tracker.trial_ended(journal.trials["t0000"])
    tracker.finish("KILLED", {}, [])
    client = connect(own.tracking)
    ids = [client.get_experiment_by_name(EXPERIMENT).experiment_id]
    (before,) = client.search_runs(ids, f"tags.`{TRIAL_TAG}` = 't0000'")
    Tracker(own, journal, refuse).finish("FINISHED", {}, [])
    journal.close()
    assert before.info.end_time is not None
    assert client.get_run(before.info.run_id).info.end_time == before.info.end_time
