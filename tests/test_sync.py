"""`sync` brings a store to what the run folder holds, whatever was killed before."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import run_search
from experiments.journal import Journal
from experiments.settings import SearchSettings
from experiments.tracking.connection import connect
from experiments.tracking.identity import EXPERIMENT, TRIAL_TAG
from experiments.tracking.mirror import bring_run_folder
from experiments.tracking.search_run import bring_search
from experiments.tracking.store import Store
from tests.killed_tracking import EPOCHS, TRIALS
from trashseg_core.disk.locks import locked

pytestmark = [pytest.mark.slow, pytest.mark.reliability("tracking-server")]  # two processes import MLflow
ROOT = Path(__file__).parents[1]
KEYS = [f"t{number:04d}" for number in range(TRIALS)]


def run_until(out: Path, line: str) -> None:
    """Run the driver, and kill it as soon as it has said a line."""
    words = [sys.executable, "-m", "tests.killed_tracking", str(out)]
    driver = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    assert any(said.strip() == line for said in driver.stdout), f"it ended without {line!r}"
    driver.send_signal(signal.SIGKILL)
    driver.communicate(timeout=60)


def runs_in(settings: SearchSettings) -> dict[str, list[Any]]:
    """Runs of a store by what they stand for."""
    client = connect(settings.tracking)
    runs: dict[str, list[Any]] = {}
    for run in client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id]):
        runs.setdefault(run.data.tags[TRIAL_TAG], []).append(run)
    return runs


def test_after_kills_and_a_sync_there_is_each_run_and_each_step_once(tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path)
    settings = SearchSettings("none", "quick", "killed", out=str(tmp_path))
    for line in ("t0001 6", "all reported"):
        run_until(tmp_path, line)
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    settings.folder.rename(moved)  # a folder keeps its identity
    uri = ["--tracking-uri", settings.tracking]
    for _ in range(2):
        assert run_search.main(["sync", str(moved), *uri]) == 0
    client, runs = connect(settings.tracking), runs_in(settings)
    assert {name: len(found) for name, found in runs.items()} == dict.fromkeys(["", *KEYS], 1)
    for key in KEYS:
        (run,) = runs[key]
        for metric in ("val_miou", "lr", "best_val_miou"):
            steps = [one.step for one in client.get_metric_history(run.info.run_id, metric)]
            assert sorted(steps) == list(range(1, EPOCHS + 1)), metric
        assert run.info.status == "FINISHED" and run.data.params["optimizer"]
    assert runs[""][0].info.status == "FINISHED"


def test_a_second_run_of_a_trial_is_removed_and_the_fuller_one_stays(tmp_path: Path, empty_store: Path) -> None:
    """Two requests were carried out for one: the answer of the first was lost, and it came late."""
    shutil.copy(empty_store, tmp_path)
    settings = SearchSettings("none", "quick", "late", out=str(tmp_path))
    settings.folder.mkdir()
    journal = Journal(settings.folder / "journal.jsonl")
    journal.add_trial({}, {}, {"lr": 0.1})
    journal.add_epoch("t0000", 1, {"epoch": 1, "val_miou": 0.5})
    bring_run_folder(settings)
    client, (first,) = connect(settings.tracking), runs_in(settings)["t0000"]
    client.create_run(first.info.experiment_id, tags=first.data.tags)
    bring_run_folder(settings)
    journal.close()
    assert [run.info.run_id for run in runs_in(settings)["t0000"]] == [first.info.run_id]


def test_a_search_that_was_started_over_closes_what_its_forerunner_left_open(tmp_path: Path, empty_store: Path) -> None:
    out = tmp_path / "o'er"  # a filter of MLflow knows no escapes
    out.mkdir()
    shutil.copy(empty_store, out)
    settings = SearchSettings("none", "quick", "over", out=str(out))
    for _ in range(2):
        settings.folder.mkdir()
        store = Store(settings)
        store.open()
        bring_search(store, {}, is_running=True)
        shutil.rmtree(settings.folder)
    states = [run.info.status for run in runs_in(settings)[""]]
    assert sorted(states) == ["KILLED", "RUNNING"]


@pytest.mark.reliability("two-drivers")
def test_sync_leaves_a_folder_alone_that_a_search_works_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], empty_store: Path
) -> None:
    run = tmp_path / "first"
    run.mkdir()
    (run / "journal.jsonl").touch()
    settings = {"data": "d", "space": "quick", "name": "first"}
    manifest = {"schema": 1, "settings": settings, "version": "0", "domains": {}, "data": {}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    with locked(run / ".lock"):
        assert run_search.main(["sync", str(run)]) == 2
    assert "is in use by process" in capsys.readouterr().err


def test_sync_of_a_store_that_is_gone_says_so_without_the_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "first"
    run.mkdir()
    (run / "journal.jsonl").touch()
    settings = {"data": "d", "space": "quick", "name": "first", "tracking_uri": "http://me:s3cret@127.0.0.1:9"}
    manifest = {"schema": 1, "settings": settings, "version": "0", "domains": {}, "data": {}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert run_search.main(["sync", str(run)]) == 1
    said = capsys.readouterr().err
    assert "MLflow at http://me:***@127.0.0.1:9 did not take everything" in said and "s3cret" not in said
