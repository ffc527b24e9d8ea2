"""How test files are spread over processes: those that share a costly fixture run in one, and the slow ones begin."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parents[1]
COSTLY = {"finished": 1, "lonely": 2}
"""Fixtures that take whole searches to make, those with the longest tests first."""
OTHERS_SLOW, OTHERS = 3, 4


@cache
def costly_fixture(file: str) -> str | None:
    """The costly fixture that tests of a file ask for.

    Args:
        file: relative to the repository, as in node ids.
    """
    asked = re.search(rf"\b({'|'.join(COSTLY)}): \w+[,)]", (ROOT / file).read_text(encoding="utf-8"))
    return asked[1] if asked else None


class Spread(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file runs in one process, and so do all files that share a costly fixture."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return costly_fixture(file) or file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Spread | None:
    """Take the place of xdist's own scheduler for `--dist loadfile`."""
    return Spread(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: whoever takes a long file last keeps everyone waiting."""
    files = [item.nodeid.split("::")[0] for item in items]
    slow = {file for file, item in zip(files, items, strict=True) if item.get_closest_marker("slow")}

    def place(item: pytest.Item) -> int:
        file = item.nodeid.split("::")[0]
        return COSTLY.get(costly_fixture(file) or "", OTHERS_SLOW if file in slow else OTHERS)

    items.sort(key=place)
