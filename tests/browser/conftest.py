"""A headless Chromium, where the machine has one."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import find_chromium, launch


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser. It is closed after these tests: playwright's event loop would be in the way of others'."""
    if find_chromium() is None:
        pytest.skip("there is no Chromium: bash tests/browser/install.sh, or your distribution's package")
    with sync_playwright() as playwright:
        launched = launch(playwright)
        yield launched
        launched.close()
