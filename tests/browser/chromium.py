"""The distribution's Chromium, headless, and pages of it."""

import shutil

from playwright.sync_api import Browser, Page, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 120_000
SETTLED = """
if (location.protocol !== 'file:') {
  localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
  localStorage.setItem('mlflow.workflowType_v1', '"machine_learning"');
}
"""
"""What MLflow remembers of somebody who has closed its assistant and chosen its pages for model training."""


def find_chromium() -> str | None:
    """Path of the browser; playwright's own would have to be downloaded."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def launch(playwright: Playwright) -> Browser:
    """Start it without a display; as root too."""
    return playwright.chromium.launch(
        executable_path=find_chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"], timeout=PATIENCE_MS
    )


def new_page(browser: Browser, width: int = 1280, height: int = 800) -> Page:
    """A page as wide as a small laptop's, patient on a machine that is busy."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(SETTLED)
    return page
