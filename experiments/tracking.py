"""Tracking in MLflow: one parent run per search, one child per trial, written by a thread of its own."""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.journal import Journal, TrialRecord
from experiments.settings import SearchSettings

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "trashseg"
RUN_TAG, TRIAL_TAG, STATUS_TAG, ERROR_TAG = "trashseg.run", "trashseg.trial", "trashseg.status", "trashseg.error"
ENSEMBLE_RUN = "ensemble"
"""Stands in `TRIAL_TAG` of the ensemble's run, where a trial has its key and the parent nothing."""
_MLFLOW_STATUS = {"finished": "FINISHED", "stopped": "FINISHED", "failed": "FAILED", None: "RUNNING"}
_MLFLOW_ENDED = ("FINISHED", "FAILED")


def connect(uri: str) -> "MlflowClient":
    """Open a tracking store, creating a SQLite one. Only the driver calls this: several at once leave it unusable."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=uri)


class Tracker:
    """Listens to the trials and logs them. The search never waits for the store, and does not fail with it.

    The journal is the truth: whatever the store missed is brought by the synchronisation at the start and the end.
    """

    def __init__(self, settings: SearchSettings, journal: Journal, warn: Callable[[str], None]) -> None:
        self._settings, self._journal, self._warn = settings, journal, warn
        self._uri = settings.tracking
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._children: dict[str, str] = {}
        self._logged: dict[str, set[int]] = {}
        self._closed: set[str] = set()
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="tracking", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._attempt(self._open)
        while (action := self._queue.get()) is not None:
            if not self._broken:
                self._attempt(action)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # the store is somebody else's: whatever it raises must not end the search
            if not self._broken:
                text = str(error).replace(self._uri, redacted(self._uri)).strip()
                reason = (text.splitlines() or [type(error).__name__])[0][:200]
                self._warn(f"MLflow at {redacted(self._uri)} failed ({reason}). The search goes on without it.")
            self._broken = True

    def _open(self) -> None:
        self._client = connect(self._uri)
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        location = None
        if experiment is None and self._uri.startswith("sqlite:///"):
            location = (Path(self._uri.removeprefix("sqlite:///")).parent / "mlartifacts").as_uri()
        self._experiment = (
            experiment.experiment_id if experiment else self._client.create_experiment(EXPERIMENT, location)
        )
        self._parent = self._find("") or self._create_parent()
        self._client.update_run(self._parent, status="RUNNING")
        for record in list(self._journal.trials.values()):
            self._sync(record)

    def _create_parent(self) -> str:
        tags = {RUN_TAG: str(self._settings.folder), TRIAL_TAG: "", "mlflow.note.content": "One search of trashseg."}
        run = self._client.create_run(self._experiment, tags=tags, run_name=self._settings.name)
        from mlflow.entities import Param

        values = {name: str(value)[:500] for name, value in asdict(self._settings).items() if name != "tracking_uri"}
        self._client.log_batch(run.info.run_id, params=[Param(name, value) for name, value in values.items()])
        return str(run.info.run_id)

    def _find(self, trial: str) -> str | None:
        return find_run(self._client, self._experiment, self._settings.folder, trial)

    def _child(self, record: TrialRecord) -> str:
        """Id of the trial's run: found by its tags, so that there is exactly one whatever happens."""
        if record.key not in self._children:
            run_id = self._find(record.key)
            self._logged[record.key] = set()
            if run_id is not None and self._client.get_run(run_id).info.status in _MLFLOW_ENDED:
                self._closed.add(record.key)
            if run_id is None:
                run_id = self._create_child(record)
            elif record.epochs:
                history = self._client.get_metric_history(run_id, self._settings.objective)
                self._logged[record.key] = {metric.step for metric in history}
            self._children[record.key] = run_id
        return self._children[record.key]

    def _create_child(self, record: TrialRecord) -> str:
        from mlflow.entities import Param

        tags = {
            "mlflow.parentRunId": self._parent,
            RUN_TAG: str(self._settings.folder),
            TRIAL_TAG: record.key,
            STATUS_TAG: "running",
        }
        run_id = self._client.create_run(self._experiment, tags=tags, run_name=record.key).info.run_id
        self._client.log_batch(run_id, params=[Param(name, str(value)) for name, value in record.config.items()])
        return str(run_id)

    def _sync(self, record: TrialRecord) -> None:
        """Bring the trial's run to what the journal holds."""
        run_id = self._child(record)
        for epoch in sorted(set(record.epochs) - self._logged[record.key]):
            self._log(record, epoch)
        if record.status is not None and record.key not in self._closed:
            self._closed.add(record.key)  # once: closing again would move the run's end
            self._client.set_tag(run_id, STATUS_TAG, record.status)
            if record.error:
                self._client.set_tag(run_id, ERROR_TAG, record.error[:500])
            self._client.set_terminated(run_id, _MLFLOW_STATUS[record.status])

    def _log(self, record: TrialRecord, epoch: int) -> None:
        from mlflow.entities import Metric

        run_id, now = self._child(record), int(time.time() * 1000)
        if epoch in self._logged[record.key]:
            return
        metrics = [Metric(name, float(value), now, epoch) for name, value in record.epochs[epoch].items()]
        best = record.best(self._settings.objective)
        if best is not None:
            metrics.append(Metric(f"best_{self._settings.objective}", best[1], now, epoch))
        self._client.log_batch(run_id, metrics=metrics)
        self._logged[record.key].add(epoch)

    def trial_started(self, record: TrialRecord) -> None:
        """Create the trial's run."""
        self._queue.put(lambda: self._sync(record))

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Log the metrics of one epoch."""
        self._queue.put(lambda: self._log(record, epoch))

    def trial_ended(self, record: TrialRecord) -> None:
        """Close the trial's run."""
        self._queue.put(lambda: self._sync(record))

    def finish(self, status: str, metrics: dict[str, float], artifacts: list[Path]) -> None:
        """Bring the store up to the journal, close the parent run, and wait for it (at most a minute).

        Args:
            status: FINISHED, FAILED or KILLED, as MLflow calls it.
            metrics: results of the whole search.
            artifacts: files to attach to the parent run.
        """
        self._queue.put(lambda: self._close(status, metrics, artifacts))
        self._queue.put(None)
        self._thread.join(timeout=60)

    def _close(self, status: str, metrics: dict[str, float], artifacts: list[Path]) -> None:
        for record in list(self._journal.trials.values()):
            self._sync(record)
        for name, value in metrics.items():
            self._client.log_metric(self._parent, name, value)
        for path in artifacts:
            if path.is_file():
                self._client.log_artifact(self._parent, str(path))
        self._client.set_terminated(self._parent, status)


def find_run(client: "MlflowClient", experiment_id: str, folder: Path, trial: str) -> str | None:
    """Id of a run of the search in `folder`: a trial's by its key, `ENSEMBLE_RUN`, or the parent for an empty text."""
    condition = f"tags.`{RUN_TAG}` = {_literal(str(folder))} and tags.`{TRIAL_TAG}` = '{trial}'"
    runs = client.search_runs([experiment_id], condition, max_results=1)
    return str(runs[0].info.run_id) if runs else None


def _literal(text: str) -> str:
    """A text in an MLflow filter, which knows two kinds of quotes but no escapes."""
    return f'"{text}"' if "'" in text else f"'{text}'"


def redacted(uri: str) -> str:
    """A URI without the password in it."""
    scheme, mark, rest = uri.partition("://")
    account, at, place = rest.rpartition("@")
    return f"{scheme}{mark}{account.split(':')[0]}:***@{place}" if at and ":" in account else uri
