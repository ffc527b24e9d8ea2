"""The MLflow UI of a search, on this machine only."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from experiments.secrets import redacted, without_secrets
from experiments.settings import SearchSettings
from experiments.tracking.connection import connect, reason_of
from experiments.tracking.identity import EXPERIMENT, SEARCH_RUN, SEARCH_TAG, TRIAL_TAG, tracking_id
from experiments.tracking.saved_views import TrialValues, views_of
from trashseg_core.errors import BadInput

ROOT = Path(__file__).parents[1]
START_TIMEOUT_S, STOP_TIMEOUT_S = 300, 5
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "PYTHONSAFEPATH": "1",
}
"""Nothing phones home; no runners of background jobs, which only judge traces: eight processes, 0.8 GB; no module is
taken from the working directory, which may be a folder of data from elsewhere."""


def serve(settings: SearchSettings, port: int) -> None:
    """Start the UI on 127.0.0.1, print its address, and run until interrupted; a server is its own UI already.

    Args:
        port: 0 takes a free one.

    Raises:
        BadInput: the port is taken.
    """
    uri = settings.tracking
    if uri.startswith(("http://", "https://")):
        print(f"MLflow UI: {redacted(uri).rstrip('/')}/{_view(settings)}", flush=True)
        return
    port = free_port(port)
    view = _view(settings)
    print(f"Starting the MLflow UI over {redacted(uri)} (about 20 s) …", flush=True)
    server = _start_server(uri, port)
    try:
        _wait_until_healthy(server, port, uri)
        print(f"MLflow UI: http://127.0.0.1:{port}/{view}   (Ctrl-C ends it)", flush=True)
        server.wait()
    finally:
        _stop(server)


def _view(settings: SearchSettings) -> str:
    """The part of the address that opens the first view; empty where the store does not answer."""
    try:
        return save_views(settings)
    except Exception as error:  # the store is somebody else's; the UI may be reached from elsewhere
        print(f"warning: the runs' view could not be prepared ({reason_of(error, settings.tracking)})", flush=True)
        return ""


def save_views(settings: SearchSettings) -> str:
    """Save the views of the search in its store; return the page that opens the first, empty if there is no search yet.

    What the views show depends on the trials, so they are written anew each time.
    """
    client = connect(settings.tracking)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return ""
    condition = f"tags.`{SEARCH_TAG}` = '{tracking_id(settings.folder)}'"
    runs = client.search_runs([experiment.experiment_id], condition)
    parent = next((run.info.run_id for run in runs if run.data.tags[TRIAL_TAG] == SEARCH_RUN), None)
    if parent is None:
        return ""
    trials = [run.data for run in runs if run.data.tags[TRIAL_TAG].startswith("t")]
    values = TrialValues([one.params for one in trials], [one.metrics for one in trials], [one.tags for one in trials])
    views = views_of(settings.name, parent, settings.objective, values)
    for view in views:
        client.set_experiment_tag(experiment.experiment_id, view.tag, view.value(time.time()))
    return views[0].address(experiment.experiment_id)


def _start_server(uri: str, port: int) -> subprocess.Popen[bytes]:
    """Start MLflow in a process group of its own: it has children that must end with it.

    The URI may hold a password: it goes by the environment, as every user can read the arguments of a process.
    """
    hosts = f"localhost:{port},127.0.0.1:{port}"  # MLflow's own default lets names like 10.evil.com pass
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    return subprocess.Popen(
        [*command, "--allowed-hosts", hosts, "--workers", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **ENVIRONMENT, "MLFLOW_BACKEND_STORE_URI": uri},
        cwd=ROOT,  # uvicorn looks for modules in its working directory, whatever Python is told
        start_new_session=True,
    )


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the whole group; a browser that keeps its connection open does not hold it up for long."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=STOP_TIMEOUT_S)


def free_port(port: int) -> int:
    """The port where it is free; for 0 one that is.

    Raises:
        BadInput: it is taken.
    """
    if not 0 <= port <= 65_535:
        raise BadInput(f"The value of `--port` is {port}, but must be between 0 and 65535; 0 takes a free one.")
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise BadInput(
                f"`--port {port}` cannot be used ({error.strerror}). Give another, or 0 for a free one."
            ) from None
        return int(probe.getsockname()[1])


def _wait_until_healthy(server: subprocess.Popen[bytes], port: int, uri: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            assert server.stderr is not None
            said = without_secrets(server.stderr.read().decode(errors="replace"), uri)
            reason = said.strip().splitlines() or ["no message"]
            raise RuntimeError(f"The MLflow UI did not start: {reason[-1][:300]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"The MLflow UI did not answer within {START_TIMEOUT_S} s.")
