"""The report in a browser: it draws everything, alone, on a phone too, and runs nothing that a user wrote."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page

from experiments.report import write_report
from tests.browser.chromium import new_page
from tests.browser.running_ui import FIGURE
from tests.test_report import HOSTILE, full_run

PHONE_PX = 390
MARKS = "canvas, .scatterlayer path, .barlayer path, .heatmaplayer image, .parcoords, .hm image, .table"
"""What plotly draws values with."""
FOLDED_OUT = "document.querySelectorAll('details').forEach(one => one.open = true)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a run folder whose every text tries to be markup."""
    return write_report(full_run(tmp_path_factory.mktemp("report") / "trash", HOSTILE))


class Visit:
    """A page that was opened from a file, and what happened meanwhile."""

    def __init__(self, browser: Browser, path: Path, width: int) -> None:
        self.page: Page = new_page(browser, width)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self._dismiss)
        self.page.goto(path.as_uri())
        self.page.evaluate(FOLDED_OUT)
        self.page.wait_for_function(f"document.querySelectorAll('{FIGURE} .main-svg').length > 0")

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def blank_figures(self) -> list[str]:
        """Ids of figures that show no values, or have none and do not say so."""
        blank = f"one => !one.querySelector(one.data.length ? '{MARKS}' : '.annotation-text')"
        return list(self.page.locator(FIGURE).evaluate_all(f"all => all.filter({blank}).map(one => one.id)"))


@pytest.fixture(scope="module", params=[1280, PHONE_PX], ids=["laptop", "phone"])
def visit(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """The report on a screen."""
    visited = Visit(browser, report, request.param)
    yield visited
    visited.page.close()


def test_the_browser_has_nothing_to_complain_about(visit: Visit) -> None:
    assert visit.errors == []


@pytest.mark.reliability("phoning-home")
def test_the_report_asks_nobody_for_anything(visit: Visit, report: Path) -> None:
    assert {url for url in visit.requests if not url.startswith(("data:", "blob:"))} == {report.as_uri()}


def test_every_figure_is_drawn(visit: Visit) -> None:
    assert visit.page.locator(FIGURE).count() == visit.page.locator(".plotly-graph-div").count() > 3
    assert visit.blank_figures() == []


def test_the_page_does_not_scroll_sideways(visit: Visit) -> None:
    width = visit.page.evaluate("document.scrollingElement.scrollWidth")
    assert width <= visit.page.evaluate("window.innerWidth")


@pytest.mark.reliability("escaping")
def test_a_class_that_is_called_like_a_script_stays_text(visit: Visit) -> None:
    assert visit.dialogs == []
    assert HOSTILE in visit.page.locator("body").inner_text()


@pytest.mark.slow
def test_the_report_of_a_real_search_is_drawn_without_a_complaint(browser: Browser, finished: Path) -> None:
    visited = Visit(browser, finished / "report.html", PHONE_PX)
    assert visited.errors == []
    assert visited.blank_figures() == []
    assert visited.page.locator(".panel img").evaluate_all("all => all.every(one => one.naturalWidth > 0)")
