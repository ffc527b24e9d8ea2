"""How many cases a test of reliability has tried: the `cases` fixture, its flags, and the tally of a run."""

from collections.abc import Generator
from dataclasses import dataclass, field

import pytest

from tests.reliability.rows import ROWS

KEY = pytest.StashKey["Cases"]()


@dataclass
class Cases:
    """The cases of one test. A test that counts none has tried one."""

    tried: int = 0

    def add(self, number: int = 1) -> None:
        """Count cases that are about to be tried."""
        self.tried += number


@dataclass
class Row:
    """What a row of the table has come to."""

    tried: int = 0
    lost: int = 0
    skipped: int = 0
    seconds: float = 0.0
    tests: list[str] = field(default_factory=list)


def row_of(item: pytest.Item) -> str | None:
    """The row that a test belongs to.

    Raises:
        ValueError: the row does not exist.
    """
    marker = item.get_closest_marker("reliability")
    if marker is None:
        return None
    (name,) = marker.args
    if name not in ROWS:
        raise ValueError(f"{item.nodeid}: there is no row {name!r} in tests/reliability/rows.py")
    return str(name)


class Tally:
    """A pytest plugin that keeps the tests of some rows and counts what they tried and lost."""

    def __init__(self, rows: list[str]) -> None:
        self.rows = {name: Row() for name in rows}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave the tests of other rows out."""
        kept = [item for item in items if row_of(item) in self.rows]
        config.hook.pytest_deselected(items=[item for item in items if row_of(item) not in self.rows])
        items[:] = kept

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Count a test when it has run. What fails before or after it counts as lost, too."""
        report = yield
        row = self.rows[row_of(item) or ""]
        row.seconds += report.duration
        row.lost += report.failed
        row.skipped += report.skipped
        if report.when == "call" and not report.skipped:
            row.tests.append(item.nodeid)
            row.tried += item.stash.get(KEY, Cases()).tried or 1
        return report
