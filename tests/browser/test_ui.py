"""What a person finds in the MLflow UI of a search, and who can reach it."""

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from experiments.results import read_results
from tests.browser.chromium import PATIENCE_MS, new_page
from tests.browser.running_ui import FIGURE, RunningUi, expand, row_of

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def ui(browser: Browser, finished: Path) -> Iterator[RunningUi]:
    """The UI of the search that nobody disturbed."""
    running = RunningUi(finished)
    yield running
    running.end()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = new_page(browser)
    yield opened
    opened.close()


def status_of(ui: RunningUi, host: str) -> int:
    """What the server answers to somebody who came by this name."""
    connection = http.client.HTTPConnection("127.0.0.1", ui.port, timeout=60)
    connection.request("GET", "/", headers={"Host": host})
    return connection.getresponse().status


def test_the_printed_address_opens_the_runs_with_the_columns_that_matter(ui: RunningUi, page: Page) -> None:
    ui.open_runs(page)
    for column in ("trashseg.status", "best_val_miou", "epoch", "lr"):
        expect(page.get_by_role("columnheader", name=column).first).to_be_visible()


def test_the_search_expands_to_its_trials_and_its_ensemble(ui: RunningUi, page: Page) -> None:
    parent = ui.open_runs(page)
    assert not row_of(page, ui.trials[0]).is_visible()
    expand(parent)
    for name in (*ui.trials, "ensemble"):
        expect(row_of(page, name)).to_be_visible()
    expect(page.get_by_role("gridcell", name="finished", exact=True).first).to_be_visible()


def test_a_view_of_the_menu_ranks_the_trials(ui: RunningUi, page: Page) -> None:
    ui.open_runs(page)
    ui.open_view(page, "best first")
    for name in ui.trials:
        expect(row_of(page, name)).to_be_visible()
    expect(row_of(page, ui.search)).not_to_be_visible()


def test_the_charts_of_that_view_compare_the_trials(ui: RunningUi, page: Page) -> None:
    page.goto(f"{ui.address}.best&compareRunsMode=CHART")
    expect(page.get_by_text("All trials compared")).to_be_visible()
    expect(page.locator(f"{FIGURE} .scatterlayer .trace").first).to_be_attached()


def test_a_trial_shows_one_point_of_a_curve_for_each_epoch(ui: RunningUi, page: Page, finished: Path) -> None:
    best = read_results(finished / "results.json")[0]
    ui.open_run(page, best.trial_id, "model-metrics")
    page.get_by_placeholder("Search metric charts").fill("^val_miou$")
    expect(page.locator(FIGURE)).to_have_count(1)
    expect(page.locator(f"{FIGURE} .point")).to_have_count(best.epochs_run)


def test_an_overlay_opens_as_a_picture(ui: RunningUi, page: Page) -> None:
    path = ui.overlays()[0]
    ui.open_run(page, "ensemble", "artifacts/overlays")
    page.get_by_text(Path(path).name).first.click()
    page.wait_for_function("[...document.images].some(one => one.naturalWidth > 400)")


def test_the_registered_model_is_the_champion(ui: RunningUi, page: Page) -> None:
    ui.open_model(page)
    expect(page.get_by_text("Version 1").first).to_be_visible()
    expect(page.get_by_text("champion").first).to_be_visible()


def test_no_page_asks_another_machine_for_anything(ui: RunningUi, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ui.open_runs(page)
    ui.open_model(page)
    expect(page.get_by_text("champion").first).to_be_visible()
    assert {urlsplit(url).netloc for url in asked if url.startswith("http")} == {f"127.0.0.1:{ui.port}"}


@pytest.mark.parametrize("host", ["10.evil.com", "evil.com", "127.0.0.1.evil.com", "192.168.0.1"])
def test_a_name_that_is_not_this_machine_is_refused(ui: RunningUi, host: str) -> None:
    assert status_of(ui, f"{host}:{ui.port}") == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_this_machine_is_answered_by_both_its_names(ui: RunningUi, host: str) -> None:
    assert status_of(ui, f"{host}:{ui.port}") == 200


def test_no_other_address_of_this_machine_answers(ui: RunningUi) -> None:
    found = [one.address for own in psutil.net_if_addrs().values() for one in own if one.family == socket.AF_INET]
    for address in {"127.0.0.2", *found} - {"127.0.0.1"}:
        with pytest.raises(OSError):
            socket.create_connection((address, ui.port), timeout=5)


def test_ctrl_c_ends_every_process_of_the_server(ui: RunningUi) -> None:
    """The last test of this module: it ends the server of the others."""
    assert len(ui.tree()) > 1
    assert ui.end() == []
    assert ui.process.returncode == 130
