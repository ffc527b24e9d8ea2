"""TrackedRun: one run of an MLflow store, and what is known to be in it already."""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

MAX_METRICS, MAX_PARAMS = 1000, 100
"""Of one request."""
MAX_KEY, MAX_PARAM, MAX_TAG = 250, 6000, 5000
TABLES_TAG, BROUGHT_TAG = "mlflow.loggedArtifacts", "trashseg.brought"


class TrackedRun:
    """Writes only what is not there yet, so that everything may be brought again and again.

    What a request brought is noted when it succeeded. Where one was lost on the way back it is brought twice, which
    changes nothing: a metric with the same step, time and value is one metric to MLflow.
    """

    def __init__(self, client: "MlflowClient", run: "Run", before_request: Callable[[], None]) -> None:
        """Take a run up as the store returned it.

        Args:
            before_request: called before each request; may raise.
        """
        self._client, self._before_request = client, before_request
        self.id, self.status = str(run.info.run_id), str(run.info.status)
        self._started = int(run.info.start_time or 0)
        self.tags: dict[str, str] = dict(run.data.tags)
        self._params = set(run.data.params)
        self._num_inputs = len(run.inputs.dataset_inputs) if run.inputs else 0
        self.last_epoch = int(run.data.metrics.get("epoch", 0))
        """The last epoch that is in the store at least in part; those before it are there as a whole."""
        self._is_whole = False

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Log those params that are not there; one that is there is never changed, MLflow refuses that."""
        from mlflow.entities import Param

        new = [Param(key(name), str(value)[:MAX_PARAM]) for name, value in values.items()]
        new = [one for one in new if one.key not in self._params]
        for start in range(0, len(new), MAX_PARAMS):
            chunk = new[start : start + MAX_PARAMS]
            self._before_request()
            self._client.log_batch(self.id, params=chunk)
            self._params |= {one.key for one in chunk}

    def log_tags(self, values: Mapping[str, Any]) -> None:
        """Set those tags whose value is another one."""
        from mlflow.entities import RunTag

        texts = {name: str(value)[:MAX_TAG] for name, value in values.items()}
        new = [RunTag(name, text) for name, text in texts.items() if self.tags.get(name) != text]
        if new:
            self._before_request()
            self._client.log_batch(self.id, tags=new)
            self.tags.update(texts)

    def log_metrics(self, values: Mapping[str, float], moment: float, step: int = 0) -> None:
        """Log one value of each metric; `moment` is in seconds since 1970."""
        self._before_request()
        self._client.log_batch(self.id, metrics=[_metric(name, one, moment, step) for name, one in values.items()])

    def log_epochs(self, epochs: Mapping[int, Mapping[str, float]], times: Mapping[int, float]) -> int:
        """Log the metrics of those epochs that are not there, each as one step; return how many.

        Args:
            epochs: metrics by epoch, which is their step.
            times: when each was recorded: the time, not the arrival, makes a metric the same when it is sent again.
        """
        new = [epoch for epoch in sorted(epochs) if epoch > self.last_epoch or epoch == self._doubtful]
        batch: list[Any] = []
        for epoch in new:
            row = {"epoch": float(epoch), **epochs[epoch]}
            metrics = [_metric(name, value, times.get(epoch, 0.0), epoch) for name, value in row.items()]
            if len(batch) + len(metrics) > MAX_METRICS:
                self._send(batch)
                batch = []
            batch += metrics
        self._send(batch)
        self._is_whole = True
        return len(new)

    @property
    def _doubtful(self) -> int | None:
        """The last epoch of another process: a kill may have cut its request in two."""
        return None if self._is_whole else self.last_epoch

    def _send(self, metrics: list[Any]) -> None:
        if metrics:
            self._before_request()
            self._client.log_batch(self.id, metrics=metrics)
            self.last_epoch = metrics[-1].step

    def log_inputs(self, inputs: "list[DatasetInput]") -> None:
        """Log the data sets, unless there are as many already."""
        if inputs and self._num_inputs < len(inputs):
            self._before_request()
            self._client.log_inputs(self.id, inputs)
            self._num_inputs = len(inputs)

    def attach(
        self, name: str, files: Mapping[str, Path], tables: Mapping[str, Path] | None = None, folder: str = ""
    ) -> bool:
        """Upload files, unless the same ones are there; return whether anything was done.

        Args:
            name: of the set of files; their digest is remembered under it.
            files: path by name.
            tables: files that the UI shows as tables: pandas' JSON of `orient="split"`.
            folder: of the artifacts.
        """
        everything = {**files, **(tables or {})}
        stamp = digest_of(*everything, *everything.values())
        if not everything or self.has(name, stamp):
            return False
        with tempfile.TemporaryDirectory() as staged:
            for file_name, path in everything.items():
                (Path(staged) / file_name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, Path(staged) / file_name)
            self._before_request()
            self._client.log_artifacts(self.id, staged, folder or None)
        self._name_tables([f"{folder}/{one}" if folder else one for one in tables or {}])
        self.remember(name, stamp)
        return True

    def has(self, name: str, stamp: str) -> bool:
        """Whether something was brought from exactly this."""
        return self._brought.get(name) == stamp

    def remember(self, name: str, stamp: str) -> None:
        """Note what something was brought from."""
        self.log_tags({BROUGHT_TAG: json.dumps({**self._brought, name: stamp})})

    @property
    def _brought(self) -> dict[str, str]:
        """What the run was brought from; kept in one tag, as the UI shows them all."""
        return dict(json.loads(self.tags.get(BROUGHT_TAG, "{}")))

    def _name_tables(self, paths: list[str]) -> None:
        known = json.loads(self.tags.get(TABLES_TAG, "[]"))
        new = [{"path": path, "type": "table"} for path in paths]
        if added := [one for one in new if one not in known]:
            self.log_tags({TABLES_TAG: json.dumps([*known, *added])})

    def set_running(self) -> None:
        """Open a run again that had ended."""
        if self.status != "RUNNING":
            self._before_request()
            self._client.update_run(self.id, status="RUNNING")
            self.status = "RUNNING"

    def end(self, status: str, moment: float | None = None) -> None:
        """Close the run, once: closing it again would move its end.

        Args:
            status: FINISHED, FAILED or KILLED.
            moment: seconds since 1970; now by default.
        """
        if self.status != status:
            self._before_request()
            end = None if moment is None else max(self._started, round(moment * 1000))  # a clock may have been set
            self._client.set_terminated(self.id, status, end)
            self.status = status


def key(name: str) -> str:
    """A name that MLflow takes as a key: of any other it refuses the whole request."""
    return re.sub(r"[^\w./: -]", "_", name)[:MAX_KEY]


def digest_of(*parts: Path | str) -> str:
    """Hash of texts and of files' contents."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode("utf-8", "surrogatepass")
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:32]


def _metric(name: str, value: float, moment: float, step: int) -> Any:
    from mlflow.entities import Metric

    return Metric(key(name), float(value), round(moment * 1000), step)
