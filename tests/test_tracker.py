"""A store that fails costs the search nothing, is told of once, and is tried again."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.journal import Journal
from experiments.secrets import redacted, without_secrets
from experiments.settings import SearchSettings
from experiments.tracking import tracker as tracker_module
from experiments.tracking.connection import connect
from experiments.tracking.identity import EXPERIMENT, TRIAL_TAG
from experiments.tracking.tracker import Tracker
from tests.tracked_trials import refuse, report

pytestmark = pytest.mark.slow  # importing MLflow takes seconds


def test_a_store_that_fails_warns_once_and_says_what_brings_the_rest(tmp_path: Path) -> None:
    settings = SearchSettings("data", "quick", "first", out=str(tmp_path), tracking_uri="mssql://me:secret@host/db")
    settings.folder.mkdir()
    journal, warnings = Journal(settings.folder / "journal.jsonl"), list[str]()
    tracker = Tracker(settings, journal, warnings.append)
    record = journal.add_trial({}, {}, {"lr": 0.1})
    tracker.trial_started(record)
    report(journal, tracker, "t0000", {1: 0.5, 2: 0.6})
    tracker.finish("FINISHED")
    failed, later = warnings
    assert "MLflow at mssql://me:***@host/db failed" in failed and "goes on without it" in failed
    assert f"sync {settings.folder}` brings the rest later" in later
    assert "secret" not in failed + later


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


def test_a_password_alone_is_not_shown_either() -> None:
    uri = "postgresql://me:s3cret@db/x"
    told = without_secrets(f"cannot connect to {uri} with password s3cret", uri)
    assert told == "cannot connect to postgresql://me:***@db/x with password ***"


def test_a_store_that_comes_back_gets_everything(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker_module, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(tracker_module, "PASS_S", 0.05)
    own = SearchSettings("data", "quick", "back", out=str(tmp_path), tracking_uri=f"sqlite:///{tmp_path}/db/m.db")
    own.folder.mkdir()
    (tmp_path / "db").write_text("a file where a folder has to be")
    journal, said = Journal(own.folder / "journal.jsonl"), list[str]()
    tracker = Tracker(own, journal, said.append)
    tracker.trial_started(journal.add_trial({}, {}, {"lr": 0.1}))
    report(journal, tracker, "t0000", {1: 0.5, 2: 0.6})
    wait_for(lambda: len(said) == 1)
    (tmp_path / "db").unlink()
    (tmp_path / "db").mkdir()
    shutil.copy(empty_store, tmp_path / "db" / "m.db")
    wait_for(lambda: len(said) == 2)
    assert said[1].endswith("answers again: it has everything now.")
    client = connect(own.tracking)
    found = client.search_runs(
        [client.get_experiment_by_name(EXPERIMENT).experiment_id], f"tags.`{TRIAL_TAG}` = 't0000'"
    )
    assert [one.data.metrics["epoch"] for one in found] == [2.0]
    tracker.finish("FINISHED")
    journal.close()


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_a_trial_that_ended_keeps_its_time_of_end(tmp_path: Path, empty_store: Path) -> None:
    """A search goes on for hours after its first trial's end; closing the search must not move it."""
    shutil.copy(empty_store, tmp_path)
    own = SearchSettings("data", "quick", "ends", out=str(tmp_path))
    own.folder.mkdir()
    journal = Journal(own.folder / "journal.jsonl")
    tracker = Tracker(own, journal, refuse)
    tracker.trial_started(journal.add_trial({}, {}, {"lr": 0.1}))
    report(journal, tracker, "t0000", {1: 0.5})
    journal.end_trial("t0000", "finished")
    tracker.trial_ended(journal.trials["t0000"])
    tracker.finish("KILLED")
    client = connect(own.tracking)
    ids = [client.get_experiment_by_name(EXPERIMENT).experiment_id]
    (before,) = client.search_runs(ids, f"tags.`{TRIAL_TAG}` = 't0000'")
    Tracker(own, journal, refuse).finish("FINISHED")
    journal.close()
    assert before.info.end_time is not None
    assert client.get_run(before.info.run_id).info.end_time == before.info.end_time
