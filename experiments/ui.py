"""The MLflow UI of a search, on this machine only."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from experiments.settings import SearchSettings
from experiments.tracking import EXPERIMENT, TRIAL_TAG, connect, find_run
from experiments.views import TrialValues, views_of
from trashseg_core.errors import BadInput

START_TIMEOUT_S, END_TIMEOUT_S = 300, 30
ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Nothing phones home; and no runners of background jobs, which only judge traces: eight processes, 0.8 GB."""


def serve(settings: SearchSettings, port: int) -> None:
    """Start the UI on 127.0.0.1, print its address, and run until interrupted.

    Args:
        port: 0 takes a free one.

    Raises:
        BadInput: the port is taken.
    """
    port = _free_port(port)
    uri, page = settings.tracking, save_views(settings)
    hosts = f"localhost:{port},127.0.0.1:{port}"  # MLflow's own default lets names like 10.evil.com pass
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--host", "127.0.0.1"]
    command += ["--port", str(port), "--allowed-hosts", hosts, "--workers", "1"]
    print(f"Starting the MLflow UI over {uri} (about 20 s) …", flush=True)
    server = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **ENVIRONMENT},
    )
    try:
        _wait_until_healthy(server, port)
        print(f"MLflow UI: http://127.0.0.1:{port}/{page}   (Ctrl-C ends it)", flush=True)
        server.wait()
    finally:
        server.terminate()
        try:
            server.wait(timeout=END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.kill()


def save_views(settings: SearchSettings) -> str:
    """Save the views of the search in its store; return the page that opens the first, empty if there is no search yet.

    What the views show depends on the trials, so they are written anew each time.
    """
    client = connect(settings.tracking)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return ""
    parent = find_run(client, experiment.experiment_id, settings.folder, "")
    if parent is None:
        return ""
    children = client.search_runs([experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'")
    trials = [run.data for run in children if run.data.tags.get(TRIAL_TAG, "").startswith("t")]
    values = TrialValues([one.params for one in trials], [one.metrics for one in trials], [one.tags for one in trials])
    views = views_of(settings.name, parent, settings.objective, values)
    for view in views:
        client.set_experiment_tag(experiment.experiment_id, view.tag, view.value(time.time()))
    return views[0].address(experiment.experiment_id)


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise BadInput(
                f"`--port {port}` cannot be used ({error.strerror}). Give another, or 0 for a free one."
            ) from None
        return int(probe.getsockname()[1])


def _wait_until_healthy(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            assert server.stderr is not None
            reason = server.stderr.read().decode(errors="replace").strip().splitlines() or ["no message"]
            raise RuntimeError(f"The MLflow UI did not start: {reason[-1][:300]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"The MLflow UI did not answer within {START_TIMEOUT_S} s.")
