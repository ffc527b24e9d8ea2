"""Passwords and tokens in addresses and in the environment reach nothing that others read."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import run_search
from experiments import ui
from experiments.journal import Journal
from experiments.manifest import Manifest
from experiments.placement.bookkeeping import tune_storage
from experiments.secrets import masked, redacted, without_secrets
from experiments.settings import SearchSettings
from experiments.tracking.connection import connect
from experiments.tracking.mirror import bring_run_folder, try_to_bring
from tests.made_run import made_search
from tests.reliability.cases import Cases
from trashseg_core import __version__
from trashseg_core.errors import BadInput

pytestmark = pytest.mark.reliability("secrets")
SECRETS = ("P4sswordQx", "T0kenQx", "St0rageQx", "St0reKeyQx", "Ray0Qx", "Env1ronQx")
TRACKING = "http://me:P4sswordQx@127.0.0.1:9/mlflow?api_token=T0kenQx"
STORAGE = "s3://me:St0rageQx@bucket/x?secret_key=St0reKeyQx&region=here"
RAY = "ray://me:Ray0Qx@127.0.0.1:10001"


def leaks(text: str) -> list[str]:
    """The secrets that can be read in a text."""
    return [secret for secret in SECRETS if secret in text]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run folder whose settings hold a secret wherever one can be; the server is down."""
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "Env1ronQx")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder = made_search(tmp_path / "first", num_trials=3)
    given: dict[str, Any] = {"tracking_uri": TRACKING, "storage": STORAGE, "ray_address": RAY}
    Manifest(SearchSettings("data", "quick", "first", out=str(tmp_path), **given), __version__, {}, {}).write(folder)
    yield folder


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        (TRACKING, "http://me:***@127.0.0.1:9/mlflow?api_token=***"),
        (STORAGE, "s3://me:***@bucket/x?secret_key=***&region=here"),
        ("postgresql://me:a%40b@db/x?sslmode=require&sslpassword=b", "postgresql://me:***@db/x?sslmode=require&sslpassword=***"),
        ("s3://b/x?access_key=a&endpoint_override=h", "s3://b/x?access_key=***&endpoint_override=h"),
        ("https://h/x?X-Amz-Signature=a&X-Amz-Date=1", "https://h/x?X-Amz-Signature=***&X-Amz-Date=1"),
        ("me:secret@host", "me:***@host"),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/mlflow.db"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_what_is_secret_in_it(uri: str, shown: str) -> None:
    assert redacted(uri) == shown


def test_messages_of_libraries_are_shown_without_secrets(monkeypatch: pytest.MonkeyPatch, cases: Cases) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "Env1ronQx")
    messages = (
        f"API request to {TRACKING}/api failed",
        "Max retries exceeded with url: /api/2.0?api_token=T0kenQx&experiment_name=trashseg",
        "password authentication failed: 'P4sswordQx'",
        "401 for Basic Env1ronQx",
        "Could not parse SQLAlchemy URL from string 'x://me:P4sswordQx@host'",
    )
    cases.add(len(messages))
    assert leaks("".join(without_secrets(one, TRACKING) for one in messages)) == []
    told = without_secrets("wrong password a@b/c", "postgresql://me:a%40b%2Fc@db")
    assert told == "wrong password ***"


@pytest.mark.slow
def test_no_verb_says_a_secret_though_the_server_is_down(
    run: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path, cases: Cases
) -> None:
    verbs = [
        *(["status", str(run)], ["status", str(run), "--json"], ["leaderboard", str(run), "--json"]),
        *(["compare", str(run), str(run)], ["sync", str(run)], ["resume", str(run)], ["stability", str(run)]),
        ["sync", str(run), "--tracking-uri", "nosuch://me:P4sswordQx@host/db"],
        ["sync", str(run), "--tracking-uri", "me:P4sswordQx@host"],
        ["sync", str(run), "--tracking-uri", "postgresql+x://me:P4sswordQx@127.0.0.1:9/db?password=T0kenQx"],
        ["search", "--data", "d", "--space", "quick", "--name", "x", "--tracking-uri", "file:me:P4sswordQx@h"],
    ]  # fmt: skip
    cases.add(len(verbs) * len(SECRETS))
    for words in verbs:
        run_search.main(words)
    said = capfd.readouterr()
    assert "***" in said.err and leaks(said.out + said.err) == []


@pytest.mark.slow
def test_what_is_brought_to_mlflow_holds_no_secret(run: Path, tmp_path: Path, cases: Cases) -> None:
    given: dict[str, Any] = {"tracking_uri": f"sqlite:///{tmp_path}/m.db?token=T0kenQx", "storage": STORAGE}
    settings = SearchSettings("data", "quick", "first", out=str(tmp_path), ray_address=RAY, **given)
    connect(f"sqlite:///{tmp_path}/m.db").search_experiments()
    try_to_bring(settings, lambda _: None)
    bring_run_folder(SearchSettings(**{**vars(settings), "tracking_uri": f"sqlite:///{tmp_path}/m.db"}))
    found = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "manifest.json"]
    cases.add(len(found))
    assert any(path.suffix == ".db" for path in found) and (tmp_path / "mlartifacts").is_dir()
    assert {path: leaks(path.read_bytes().decode("latin-1")) for path in found} == {path: [] for path in found}


def test_the_manifest_that_keeps_secrets_for_a_resume_is_for_its_owner_alone(run: Path, tmp_path: Path) -> None:
    manifest = run / "manifest.json"
    assert manifest.stat().st_mode & 0o777 == 0o600
    assert json.loads(manifest.read_text())["settings"]["tracking_uri"] == TRACKING
    plain = made_search(tmp_path / "plain", num_trials=2) / "manifest.json"
    assert plain.stat().st_mode & 0o777 == 0o644


def test_the_report_shows_settings_without_secrets(run: Path) -> None:
    from experiments.report import write_report

    text = write_report(run, "val_miou").read_text(encoding="utf-8")
    assert "s3://me:***@bucket" in text and leaks(text) == []


def test_the_reason_of_a_failure_is_journalled_without_secrets(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.end_trial(journal.add_trial({}, {}, {}).key, "failed", f"cannot upload to {STORAGE}")
    journal.close()
    assert leaks((tmp_path / "journal.jsonl").read_text()) == []


def test_a_place_for_bookkeeping_that_nobody_knows_is_named_without_secrets() -> None:
    with pytest.raises(BadInput, match=r"nosuch://me:\*\*\*@bucket/x\?secret_key=\*\*\*") as refused:
        tune_storage(SearchSettings("d", "quick", "n", storage=STORAGE.replace("s3", "nosuch")))
    assert leaks(str(refused.value)) == []


def test_the_ui_s_server_gets_the_address_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(subprocess, "Popen", lambda words, **given: started.append((words, given)))
    ui._start_server(TRACKING, 5000)
    ((words, given),) = started
    assert leaks(" ".join(words)) == [] and given["env"]["MLFLOW_BACKEND_STORE_URI"] == TRACKING


def test_this_process_shows_no_secret_that_it_did_not_get_in_its_own_words() -> None:
    assert leaks(" ".join(psutil.Process().cmdline())) == []
    assert masked("t0001: 3:4@5 sqlite:////a/b@c.db") == "t0001: 3:4@5 sqlite:////a/b@c.db"


def test_what_ray_stores_of_a_search_holds_no_address_of_the_tracking_server(tmp_path: Path) -> None:
    import cloudpickle

    from experiments.search import Ending

    settings = SearchSettings("data", "quick", "first", out=str(tmp_path), tracking_uri=TRACKING)
    assert leaks(cloudpickle.dumps(Ending(settings.limits, settings.time_budget)).decode("latin-1")) == []
