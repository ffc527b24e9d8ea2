"""MLflow holds one parent per search, one child per trial, each epoch once; and never stands in the way."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.journal import Journal, JournalReader
from experiments.results import rank, result_of, write_results
from experiments.settings import SearchSettings
from experiments.tracking.connection import connect
from experiments.tracking.identity import EXPERIMENT, REASON_TAG, STATUS_TAG, TRIAL_TAG
from experiments.tracking.tracker import Tracker
from experiments.tracking.trial_run import RUNG_TAG, resolved
from tests.tracked_trials import refuse, report
from trashseg_core.config import TrialConfig
from trashseg_core.disk.files import write_json

pytestmark = pytest.mark.slow  # creating an MLflow store takes seconds
TRIALS = {"t0000": [0.2, 0.6, 0.5], "t0001": [0.3], "t0002": [0.1, 0.2], "t0003": [0.1, 0.1, 0.1]}
SPLIT = {"file": "x.json", "hash": "abc", "photos": 7, "left_out": 1, "annotations": [0, 5]}
DATA = {
    "path": "/data/trash",
    "class_names": ["Background", "paper"],
    "splits": {"train": SPLIT, "val": {**SPLIT, "hash": "def"}},
}
STATUS = {"t0000": "finished", "t0001": "failed", "t0002": None, "t0003": "stopped"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> SearchSettings:
    out = tmp_path_factory.mktemp("o'brien's runs")
    shutil.copy(empty_store, out)
    return SearchSettings("data", "quick", "first", out=str(out), set=("lr=0.1",))


@pytest.fixture(scope="module")
def runs(settings: SearchSettings) -> dict[str, Any]:
    """The store after a search that was interrupted after two epochs and gone on with: runs by trial, "" = parent."""
    (settings.folder / "origin").mkdir(parents=True)
    write_json(settings.folder / "origin" / "data.json", DATA)
    write_json(settings.folder / "origin" / "software.json", {"trashseg": "1.2", "git_commit": "c0ffee"})
    journal = Journal(settings.folder / "journal.jsonl")
    tracker = Tracker(settings, journal, refuse)
    for key, values in TRIALS.items():
        tracker.trial_started(journal.add_trial({}, {}, {"lr": 0.1, "optimizer": "sgd", "seed": int(key[1:])}))
        report(journal, tracker, key, dict(enumerate(values[:2], 1)))
    tracker.finish("KILLED")
    journal.add_epoch("t0000", 3, {"val_miou": 0.5, "val_loss": 0.5, "epoch": 3})  # the tracker missed this one
    again = Tracker(settings, journal, refuse)
    for key in TRIALS:
        again.trial_started(journal.trials[key])
        report(journal, again, key, dict(enumerate(TRIALS[key], 1)))
        again.epoch_reported(journal.trials[key], 1)  # a resumed trial repeats itself
        if STATUS[key]:
            journal.end_trial(key, str(STATUS[key]), "it broke" if STATUS[key] == "failed" else None)
            again.trial_ended(journal.trials[key])
    rows = [result_of(record, settings.objective, settings.folder) for record in journal.trials.values()]
    write_results(settings.folder / "results.json", rank(rows, settings.objective))
    again.finish("FINISHED")
    journal.close()
    client = connect(settings.tracking)
    found = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert len({run.data.tags[TRIAL_TAG] for run in found}) == len(found) == 5
    return {"client": client, **{run.data.tags[TRIAL_TAG]: run for run in found}}


def test_there_is_one_parent_and_one_child_per_trial(runs: dict[str, Any]) -> None:
    parent = runs[""].info.run_id
    assert [runs[key].data.tags["mlflow.parentRunId"] for key in TRIALS] == [parent] * 4
    assert "mlflow.parentRunId" not in runs[""].data.tags


@pytest.mark.parametrize("key", TRIALS)
def test_each_epoch_is_one_step_of_each_metric(runs: dict[str, Any], key: str) -> None:
    history = runs["client"].get_metric_history(runs[key].info.run_id, "val_miou")
    expected = list(enumerate(TRIALS[key], 1))
    assert sorted((metric.step, metric.value) for metric in history) == expected


def test_the_best_so_far_is_a_metric_of_its_own(runs: dict[str, Any]) -> None:
    assert runs["t0000"].data.metrics["best_val_miou"] == 0.6


@pytest.mark.parametrize("key", TRIALS)
def test_the_whole_configuration_is_logged_as_params(runs: dict[str, Any], key: str) -> None:
    config = TrialConfig.from_params({"lr": 0.1, "optimizer": "sgd", "seed": int(key[1:])})
    assert runs[key].data.params == {name: str(value) for name, value in config.to_dict().items()}


def test_a_configuration_that_no_training_accepts_is_logged_as_it_was_given() -> None:
    assert resolved({"lr": -1.0}) == {"lr": -1.0}


def test_the_settings_are_params_of_the_parent(runs: dict[str, Any]) -> None:
    assert {"name": "first", "trials": "20", "set": "('lr=0.1',)"}.items() <= runs[""].data.params.items()


def test_a_tracking_uri_which_may_hold_a_password_is_not_logged(runs: dict[str, Any]) -> None:
    assert "tracking_uri" not in runs[""].data.params


@pytest.mark.parametrize(
    ("key", "ended", "status", "reason"),
    [
        ("t0000", "FINISHED", "finished", "trained to its last epoch, 3"),
        ("t0001", "FAILED", "failed", "it broke"),
        ("t0002", "KILLED", "stopped", "the search ended after its epoch 2: interrupted, or out of time"),
        ("t0003", "FINISHED", "stopped", "stopped at the rung of epoch 3 of 30: others were better there"),
    ],
)
def test_a_trial_says_how_it_ended_and_why(
    runs: dict[str, Any], key: str, ended: str, status: str, reason: str
) -> None:
    tags = runs[key].data.tags
    assert (runs[key].info.status, tags[STATUS_TAG]) == (ended, status)
    assert tags[REASON_TAG].startswith(reason)


def test_the_rung_is_named_where_a_trial_stopped_at_one(runs: dict[str, Any]) -> None:
    assert {key: runs[key].data.tags.get(RUNG_TAG) for key in TRIALS} == {
        **dict.fromkeys(("t0000", "t0001", "t0002")),
        "t0003": "3",
    }


def test_what_the_process_used_stands_among_the_system_metrics(runs: dict[str, Any]) -> None:
    assert runs["t0000"].data.metrics["system/process_cpu_percentage"] == 150


def test_a_name_that_mlflow_refuses_loses_no_metric(runs: dict[str, Any]) -> None:
    assert runs["t0001"].data.metrics["iou__x_"] == 0.5


def test_metrics_carry_the_time_at_which_the_journal_heard_of_them(
    runs: dict[str, Any], settings: SearchSettings
) -> None:
    record = JournalReader(settings.folder / "journal.jsonl").trials["t0000"]
    history = runs["client"].get_metric_history(runs["t0000"].info.run_id, "val_miou")
    assert {one.step: one.timestamp for one in history} == {
        epoch: round(1000 * moment) for epoch, moment in record.moments.reported.items()
    }


def test_the_parent_holds_the_results(runs: dict[str, Any]) -> None:
    run, client = runs[""], runs["client"]
    artifacts = [one.path for one in client.list_artifacts(run.info.run_id)]
    assert artifacts == ["history.png", "leaderboard.csv", "leaderboard.json", "origin", "results.json"]
    assert run.info.status == "FINISHED"
    expected = {"best_val_miou": 0.6, "trials_finished": 1.0, "trials_stopped": 2.0, "trials_failed": 1.0}
    assert run.data.metrics == expected


def test_the_leaderboard_is_a_table_of_mlflow(
    runs: dict[str, Any], settings: SearchSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.tracking)  # `load_table` looks for runs there
    table = runs["client"].load_table(runs[""].info.experiment_id, "leaderboard.json", [runs[""].info.run_id])
    assert table["trial"].tolist() == ["t0000", "t0002", "t0003", "t0001"]


@pytest.mark.parametrize("key", ["", "t0000"])
def test_the_data_of_every_run_is_named_by_its_content_with_a_histogram(runs: dict[str, Any], key: str) -> None:
    inputs = {one.tags[0].value: one.dataset for one in runs[key].inputs.dataset_inputs}
    assert {split: (one.name, one.digest) for split, one in inputs.items()} == {
        "train": ("trash/x.json", "abc"),
        "val": ("trash/x.json", "def"),
    }
    assert json.loads(inputs["train"].profile)["annotations"] == {"Background": 0, "paper": 5}


def test_the_parent_says_what_the_search_was_started_from(runs: dict[str, Any]) -> None:
    tags, client = runs[""].data.tags, runs["client"]
    assert tags["mlflow.source.git.commit"] == "c0ffee" and tags["trashseg.version.trashseg"] == "1.2"
    kept = [one.path for one in client.list_artifacts(runs[""].info.run_id, "origin")]
    assert kept == ["origin/class_table.json", "origin/data.json", "origin/software.json"]


def test_two_searches_in_one_store_have_a_parent_each(runs: dict[str, Any], settings: SearchSettings) -> None:
    other = replace(settings, name="second")
    other.folder.mkdir()
    tracker = Tracker(other, Journal(other.folder / "journal.jsonl"), refuse)
    tracker.finish("FINISHED")
    client = runs["client"]
    found = client.search_runs([runs[""].info.experiment_id], f"tags.`{TRIAL_TAG}` = ''")
    assert sorted(run.info.run_name for run in found) == ["first", "second"]
