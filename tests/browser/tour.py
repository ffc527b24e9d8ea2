"""The pictures of the README's tour, made from a run folder. python -m tests.browser.tour RUN_FOLDER OUT_DIR"""

import re
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from experiments.results import read_results
from tests.browser.chromium import launch, new_page
from tests.browser.running_ui import FIGURE, RunningUi, expand, row_of

MOST_BYTES = 200_000
COLOURS = (256, 128, 64, 32)
HEIGHT_PX = 720
FIGURES_OF_REPORT = ("curves", "history", "classes", "steps")


def write_picture(path: Path, png: bytes) -> None:
    """Write a screenshot with as many colours as fit into `MOST_BYTES`."""
    picture = Image.open(BytesIO(png)).convert("RGB")
    for colours in COLOURS:
        picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return
    raise ValueError(f"{path}: {path.stat().st_size} bytes with {COLOURS[-1]} colours. Show less of the page.")


class Tour:
    """The walk through the UI and the report of one search; every stop is one picture."""

    def __init__(self, run_folder: Path, ui: RunningUi, page: Page) -> None:
        self.folder, self.ui, self.page = run_folder, ui, page
        results = read_results(run_folder / "results.json")
        self.best = results[0].trial_id
        self.stopped_trials = [one.trial_id for one in results if one.status == "stopped"]

    def runs(self) -> None:
        """All trials, under their search."""
        expand(self.ui.open_runs(self.page))
        row_of(self.page, self.best).wait_for()

    def encoders(self) -> None:
        """The trials of each encoder together; of the first hyperparameter that varies where there is one encoder."""
        self.ui.open_runs(self.page)
        self._open_first_view("by encoder_name", "by ")
        self.page.get_by_text("Group:").first.wait_for()

    def augmix(self) -> None:
        """Every class with and without cut-and-paste."""
        self.ui.open_runs(self.page)
        self._open_first_view("by augmix_ratio", "by ")
        self.page.get_by_text("Group:").first.wait_for()

    def charts(self) -> None:
        """Parallel coordinates, learning curves and scatter plots of all trials."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.ui.address}.best&compareRunsMode=CHART")
        self._drawn(2)
        self.page.locator("canvas").first.wait_for()  # the parallel coordinates, which are not drawn by plotly

    def stopped(self) -> None:
        """What was stopped, and when."""
        self.ui.open_runs(self.page)
        self.ui.open_view(self.page, "stopped")
        self.page.get_by_text(re.compile(rf"^\s*{len(self.stopped_trials)}\s*matching run")).wait_for()
        if self.stopped_trials:
            row_of(self.page, self.stopped_trials[0]).wait_for()

    def curves(self) -> None:
        """The curves of the best trial."""
        self.ui.open_run(self.page, self.best, "model-metrics")
        self.page.get_by_placeholder("Search metric charts").fill("miou|loss|iou_")
        self._drawn(6)

    def ensemble(self) -> None:
        """Who is in the ensemble."""
        self.ui.open_run(self.page, "ensemble")
        self.page.get_by_text("About this run").wait_for()
        more = self.page.get_by_text("Show more")
        if more.count():
            more.first.click()

    def overlay(self) -> None:
        """The photo that fails most."""
        self.ui.open_run(self.page, "ensemble", "artifacts/overlays")
        self.page.get_by_text(Path(self.ui.overlays()[0]).name).first.click()
        self.page.wait_for_function("[...document.images].some(one => one.naturalWidth > 400)")

    def model(self) -> None:
        """The registered model."""
        self.ui.open_model(self.page)
        self.page.get_by_text("champion").first.wait_for()

    def report(self) -> None:
        """The top of the report."""
        self.page.goto((self.folder / "report.html").absolute().as_uri())
        self._drawn(1)

    def _open_first_view(self, name: str, otherwise: str) -> None:
        self.page.get_by_role("button", name=self.ui.search).first.click()
        wanted = self.page.get_by_text(f"{self.ui.search}: {name}", exact=True)
        self.page.get_by_text(f"{self.ui.search}: best first", exact=True).wait_for()
        (wanted if wanted.count() else self.page.get_by_text(f"{self.ui.search}: {otherwise}").first).click()

    def _drawn(self, figures: int) -> None:
        drawn = f"[...document.querySelectorAll('{FIGURE}')].filter(one => one.querySelector('.main-svg'))"
        self.page.wait_for_function(f"{drawn}.length >= {figures}")


def main(run_folder: Path, out: Path) -> None:
    """Walk, and write one picture for each stop."""
    out.mkdir(parents=True, exist_ok=True)
    ui = RunningUi(run_folder)
    try:
        with sync_playwright() as playwright:
            page = new_page(launch(playwright), height=HEIGHT_PX)
            tour = Tour(run_folder, ui, page)
            stops: list[Callable[[], None]] = [tour.runs, tour.encoders, tour.augmix, tour.charts, tour.stopped]
            stops += [tour.curves, tour.ensemble, tour.overlay, tour.model, tour.report]
            for stop in stops:
                stop()
                write_picture(out / f"{stop.__name__}.png", page.screenshot(animations="disabled"))
                print(out / f"{stop.__name__}.png", flush=True)
            for name in FIGURES_OF_REPORT:
                figure = page.locator(f"#{name}")
                if figure.count():
                    write_picture(out / f"report_{name}.png", figure.screenshot())
                    print(out / f"report_{name}.png", flush=True)
    finally:
        ui.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
