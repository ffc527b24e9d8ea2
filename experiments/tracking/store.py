"""The store: the runs of one search in an MLflow server or database."""

import getpass
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.settings import SearchSettings
from experiments.tracking.connection import connect
from experiments.tracking.identity import (
    DIGEST_TAG,
    EXPERIMENT,
    FOLDER_TAG,
    HOST_TAG,
    SEARCH_TAG,
    TRIAL_TAG,
    tracking_id,
)
from experiments.tracking.tracked_run import TrackedRun

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Of the experiment: MLflow's UI hides what is for language models only."""


class OutOfTime(RuntimeError):
    """The time that was given to the store is over; the rest is brought later."""


class Store:
    """Finds or creates the runs of one search. There is exactly one of each, whatever was killed or lost before.

    A request to create a run may be carried out although its answer never came. So runs are found by their tags, and
    of several with the same tags the fullest one stays.
    """

    def __init__(self, settings: SearchSettings) -> None:
        self.settings, self._id = settings, tracking_id(settings.folder)
        self.give_up_at = float("inf")
        """Of `time.monotonic()`: no request is made later."""
        self._client: MlflowClient | None = None
        self._experiment, self._is_certain = "", False
        self._runs: dict[tuple[str, str], TrackedRun] = {}

    @property
    def client(self) -> "MlflowClient":
        """The client of a store that is open."""
        assert self._client is not None, "open it first"
        return self._client

    def open(self) -> None:
        """Connect, and find the search's runs; does nothing where that is done.

        Raises:
            Exception: whatever MLflow raises for a store that cannot be reached.
        """
        if self._client is None:
            self.check_time()
            client = connect(self.settings.tracking)
            found = client.get_experiment_by_name(EXPERIMENT)
            self._experiment = (
                found.experiment_id if found else client.create_experiment(EXPERIMENT, self._artifacts(), KIND)
            )
            self._client = client
        if not self._is_certain:
            self._find_runs(self._client)
            self._is_certain = True

    def doubt(self) -> None:
        """Have the runs looked for again at the next `open`: a request that failed may have made one all the same."""
        self._is_certain = False

    def _artifacts(self) -> str | None:
        """Where the artifacts of a new experiment go: a server decides itself, a database cannot."""
        uri = self.settings.tracking
        if uri.startswith(("http:", "https:", "databricks")):
            return None
        place = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else self.settings.folder
        return (place.parent / "mlartifacts").as_uri()

    def _find_runs(self, client: "MlflowClient") -> None:
        found: dict[tuple[str, str], list[Run]] = {}
        token = None
        while True:
            self.check_time()
            page = client.search_runs(
                [self._experiment], f"tags.`{SEARCH_TAG}` = '{self._id}'", max_results=1000, page_token=token
            )
            for run in page:
                name = (run.data.tags.get(TRIAL_TAG, ""), run.data.tags.get(DIGEST_TAG, ""))
                found.setdefault(name, []).append(run)
            token = page.token
            if not token:
                break
        before, self._runs = self._runs, {}
        for name, runs in found.items():
            fullest, *others = sorted(runs, key=_emptiness)
            for other in others:
                client.delete_run(other.info.run_id)
            known = before.get(name)
            is_known = known is not None and known.id == fullest.info.run_id
            self._runs[name] = known if known and is_known else TrackedRun(client, fullest, self.check_time)

    def check_time(self) -> None:
        """Raise where the time is over.

        Raises:
            OutOfTime: now.
        """
        if time.monotonic() > self.give_up_at:
            raise OutOfTime("it is too slow")

    def known(self, trial: str, digest: str = "") -> TrackedRun | None:
        """A run of the search, where the store has it."""
        return self._runs.get((trial, digest))

    def run(
        self, trial: str, digest: str = "", name: str = "", tags: Mapping[str, Any] | None = None, started: float = 0.0
    ) -> TrackedRun:
        """A run of the search, created where it is missing.

        Args:
            trial: a trial's key, or what stands in its place (`identity.SEARCH_RUN` …).
            digest: of what the run tells, where there may be several.
            name: that the UI shows; by default `trial`.
            tags: of a new run.
            started: seconds since 1970; 0 means now.
        """
        if (trial, digest) not in self._runs:
            own = {SEARCH_TAG: self._id, FOLDER_TAG: str(self.settings.folder), TRIAL_TAG: trial}
            own |= {DIGEST_TAG: digest} if digest else {}
            own |= {
                HOST_TAG: platform.node(),
                "mlflow.user": _user(),
                "mlflow.source.name": "run_search.py",
                "mlflow.source.type": "LOCAL",
            }
            self.check_time()
            moment = round((started or time.time()) * 1000)
            made = self.client.create_run(self._experiment, moment, {**own, **(tags or {})}, name or trial)
            self._runs[trial, digest] = TrackedRun(self.client, made, self.check_time)
        return self._runs[trial, digest]

    def end_forerunners(self) -> None:
        """Close what a search left open that was started over in the same folder before it had saved anything."""
        folder = str(self.settings.folder)
        quote = '"' if "'" in folder else "'"  # a filter knows two kinds of quotes, but no escapes
        condition = f"tags.`{FOLDER_TAG}` = {quote}{folder}{quote} and tags.`{HOST_TAG}` = '{platform.node()}'"
        self.check_time()
        for run in self.client.search_runs([self._experiment], f"{condition} and attributes.status = 'RUNNING'"):
            if run.data.tags.get(SEARCH_TAG) != self._id:
                TrackedRun(self.client, run, self.check_time).end("KILLED", time.time())

    def address(self, run: TrackedRun) -> str:
        """Link to a run within MLflow's UI."""
        return f"#/experiments/{self._experiment}/runs/{run.id}"


def _emptiness(run: "Run") -> tuple[float, int, str]:
    """Sorts the fullest run first."""
    return -run.data.metrics.get("epoch", 0.0), -len(run.data.tags) - len(run.data.params), run.info.run_id


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for this user
        return "unknown"
