"""A server that is slow, full, broken, gone or forgetful costs the search nothing, and gets everything once."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.journal import Journal
from experiments.settings import SearchSettings
from experiments.tracking import connection
from experiments.tracking import tracker as tracker_module
from experiments.tracking.connection import connect
from experiments.tracking.identity import EXPERIMENT, TRIAL_TAG
from experiments.tracking.mirror import NotBrought, bring_run_folder
from experiments.tracking.tracker import Tracker
from experiments.ui import free_port, serve
from tests.flaky_proxy import FlakyProxy

pytestmark = [pytest.mark.slow, pytest.mark.reliability("tracking-server")]  # a server takes 20 seconds to start
EPOCHS = 12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[int]:
    """Port of a real MLflow server."""
    folder, port = tmp_path_factory.mktemp("server"), free_port(0)
    shutil.copy(empty_store, folder)
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "files"), "--port", str(port), "--workers", "1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    process = subprocess.Popen(command, **quiet, env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None and time.monotonic() < deadline, "the server did not start"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                break
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    yield port
    os.killpg(process.pid, signal.SIGKILL)  # it waits for connections to be closed, and has children
    process.wait(30)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits everywhere."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setattr(tracker_module, "PASS_S", 0.05)
    monkeypatch.setattr(tracker_module, "FIRST_WAIT_S", 0.1)
    monkeypatch.setattr(tracker_module, "LONGEST_WAIT_S", 0.5)
    monkeypatch.setattr(tracker_module, "LAST_PASS_S", 3.0)


def search_in_moods(settings: SearchSettings, proxy: FlakyProxy | None, moods: list[str]) -> tuple[float, list[str]]:
    """Report a trial in each mood of the server; return how long the listening took at most, and what was said."""
    settings.folder.mkdir(parents=True)
    journal, said, longest = Journal(settings.folder / "journal.jsonl"), list[str](), 0.0
    tracker = Tracker(settings, journal, said.append)
    for mood in moods:
        if proxy is not None:
            proxy.mood = mood
            proxy.requests.clear()
        record = journal.add_trial({}, {}, {"lr": 0.1})
        for epoch in range(1, EPOCHS + 1):
            journal.add_epoch(record.key, epoch, {"epoch": epoch, "val_miou": epoch / 100})
            started = time.perf_counter()
            tracker.trial_started(record)
            tracker.epoch_reported(record, epoch)
            longest = max(longest, time.perf_counter() - started)
            time.sleep(0.05)
        journal.end_trial(record.key, "finished")
        tracker.trial_ended(record)
        if proxy is not None:
            wait_for_a_request(proxy)
    tracker.finish("FINISHED")
    journal.close()
    return longest, said


def wait_for_a_request(proxy: FlakyProxy) -> None:
    """Wait until the mood has met a request; one that loses answers, the creation of a run."""
    deadline = time.monotonic() + 30
    while not (proxy.requests["runs/create"] if proxy.mood == "forgetful" else proxy.requests.total()):
        assert time.monotonic() < deadline, f"no request while the server was {proxy.mood}"
        time.sleep(0.02)


def check_whole(uri: str, settings: SearchSettings, trials: list[str]) -> None:
    """Assert that a store has one run for each trial and each epoch once."""
    client: Any = connect(uri)
    runs = client.search_runs(
        [client.get_experiment_by_name(EXPERIMENT).experiment_id], f"tags.`trashseg.run` = '{settings.folder}'"
    )
    assert sorted(run.data.tags[TRIAL_TAG] for run in runs) == ["", *trials]
    for run in runs:
        steps = [one.step for one in client.get_metric_history(run.info.run_id, "val_miou")]
        assert sorted(steps) == (list(range(1, EPOCHS + 1)) if run.data.tags[TRIAL_TAG] else [])
        assert run.info.status == "FINISHED"


def test_a_server_in_every_mood_has_everything_once_after_sync(server: int, hasty: None, tmp_path: Path) -> None:
    proxy = FlakyProxy(server)
    settings = SearchSettings("data", "quick", "moody", out=str(tmp_path), trials=4, tracking_uri=proxy.uri)
    longest, said = search_in_moods(settings, proxy, ["500", "well", "507", "forgetful"])
    assert longest < 0.5, "listening waits for nobody"
    assert "s3cret" not in " ".join(said)
    proxy.mood = "503"
    with pytest.raises(NotBrought, match=f"sync {settings.folder}` brings the rest later"):
        bring_run_folder(settings, patience_s=1)
    proxy.mood = "well"
    bring_run_folder(settings)
    check_whole(f"http://127.0.0.1:{server}", settings, [f"t000{number}" for number in range(4)])
    before = proxy.requests["runs/log-batch"]
    bring_run_folder(settings)
    assert proxy.requests["runs/log-batch"] - before <= 4, "more than each trial's last epoch was sent again"
    proxy.close()


def test_a_slow_server_ends_the_search_in_time(server: int, hasty: None, tmp_path: Path) -> None:
    proxy = FlakyProxy(server)
    proxy.delay_s = 1.0
    settings = SearchSettings("data", "quick", "slow", out=str(tmp_path), trials=2, tracking_uri=proxy.uri)
    started = time.monotonic()
    longest, said = search_in_moods(settings, proxy, ["well", "well"])
    assert longest < 0.5
    assert time.monotonic() - started < 30, "3 s for the last pass, and what the request under way takes"
    assert said and "brings the rest later" in said[-1]
    proxy.delay_s = 0.0
    bring_run_folder(settings)
    check_whole(f"http://127.0.0.1:{server}", settings, ["t0000", "t0001"])
    proxy.close()


def test_a_server_that_is_gone_is_said_so_once(hasty: None, tmp_path: Path) -> None:
    settings = SearchSettings("data", "quick", "gone", out=str(tmp_path), tracking_uri="http://127.0.0.1:9")
    _, said = search_in_moods(settings, None, ["well"])
    assert len(said) == 2 and "goes on without it" in said[0] and "brings the rest later" in said[1]


def test_ui_names_the_server_s_own_address_without_the_password(
    hasty: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = SearchSettings("data", "quick", "gone", out=str(tmp_path), tracking_uri="http://me:s3cret@127.0.0.1:9")
    settings.folder.mkdir()
    serve(settings, 0)
    said = capsys.readouterr().out
    assert said.endswith("MLflow UI: http://me:***@127.0.0.1:9/\n") and "s3cret" not in said


def test_the_user_s_own_limits_of_a_request_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    connect("http://127.0.0.1:9")
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == str(connection.REQUEST_RETRIES)
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES")


def test_another_store_can_be_filled_from_the_same_folder(empty_store: Path, tmp_path: Path, hasty: None) -> None:
    gone = SearchSettings("data", "quick", "moved", out=str(tmp_path), trials=2, tracking_uri="http://127.0.0.1:9")
    search_in_moods(gone, None, ["well", "well"])
    shutil.copy(empty_store, tmp_path)
    here = replace(gone, tracking_uri=None)
    bring_run_folder(here)
    check_whole(here.tracking, here, ["t0000", "t0001"])
