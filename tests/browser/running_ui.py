"""The `ui` verb of a search, running, and the ways through its pages."""

import re
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import Locator, Page

from experiments.manifest import read_manifest
from experiments.tracking.connection import connect
from experiments.tracking.identity import EXPERIMENT, TRIAL_TAG
from tests.whole_search import command

FIGURE = ".js-plotly-plot"


class RunningUi:
    """The server that `ui` started, and where its pages are."""

    def __init__(self, run_folder: Path) -> None:
        words = command("ui", str(run_folder), "--port", "0")
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.address = self._printed_address()
        self.base, self.port = self.address.split("#")[0], int(urlsplit(self.address).port or 0)
        settings = read_manifest(run_folder).settings
        self.search = settings.name
        self._client = connect(settings.tracking)
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        assert experiment is not None
        self.experiment_id = experiment.experiment_id
        parent = self.address.partition("viewStateShareKey=")[2]
        children = self._client.search_runs([self.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'")
        self.run_ids = {run.data.tags[TRIAL_TAG]: run.info.run_id for run in children}

    def _printed_address(self) -> str:
        assert self.process.stdout is not None
        printed = ""
        for line in self.process.stdout:
            printed += line
            if found := re.search(r"MLflow UI: (\S+)", line):
                return found[1]
        raise RuntimeError(f"`ui` ended: {printed}")

    @property
    def trials(self) -> list[str]:
        """Keys of the trials."""
        return sorted(key for key in self.run_ids if key.startswith("t"))

    def tree(self) -> list[psutil.Process]:
        """The verb's process and all below it."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def end(self) -> list[psutil.Process]:
        """Press Ctrl-C; return what was still alive a minute later, and kill that."""
        if self.process.poll() is not None:
            return []
        below = self.tree()[1:]
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)
        alive = psutil.wait_procs(below, timeout=60)[1]
        for one in alive:
            one.kill()
        return alive

    def overlays(self) -> list[str]:
        """Paths of the overlays among the artifacts of the ensemble's run."""
        found = self._client.list_artifacts(self.run_ids["ensemble"], "overlays")
        return sorted(one.path for one in found if one.path.endswith(".png"))

    def open_runs(self, page: Page) -> Locator:
        """Open the printed address; return the row of the search once it is there."""
        page.goto("about:blank")  # another fragment alone is no new page
        page.goto(self.address)
        row = row_of(page, self.search)
        row.wait_for()
        return row

    def open_view(self, page: Page, name: str) -> None:
        """Choose a saved view in the menu above the runs."""
        page.get_by_role("button", name=self.search).first.click()
        page.get_by_text(f"{self.search}: {name}", exact=True).click()

    def open_run(self, page: Page, trial: str, tab: str = "") -> None:
        """Open a tab of a run's page, such as `model-metrics` or `artifacts/PATH`."""
        page.goto("about:blank")
        page.goto(f"{self.base}#/experiments/{self.experiment_id}/runs/{self.run_ids[trial]}/{tab}")

    def open_model(self, page: Page) -> None:
        """Open the page of the registered model."""
        page.goto("about:blank")
        page.goto(f"{self.base}#/models/trashseg-{self.search}")


def row_of(page: Page, name: str) -> Locator:
    """The row of a run in the table of runs: its name and age. Its other columns are a row of their own beside."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True)).first


def expand(row: Locator) -> None:
    """Show the children of a search."""
    row.locator("button[data-component-id*=runnamecellrenderer]").click()
