"""The table of reliability: every row is tried by a test, and the table that is committed has lost nothing."""

import re
from pathlib import Path

from tests.reliability.rows import ROWS

TESTS = Path(__file__).parents[1]
TABLE = TESTS / "RELIABILITY.md"


def test_every_row_is_tried_by_a_test() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("test_*.py")))
    assert set(re.findall(r"mark\.reliability\(\"([a-z-]+)\"\)", sources)) == set(ROWS)


def test_the_table_lists_every_row_with_cases_tried_and_none_lost() -> None:
    lines = [line.split(" | ") for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [line[0].strip("|` ") for line in lines] == list(ROWS)
    assert all(int(re.sub(r"\D.*", "", line[2].replace(",", ""))) > 0 for line in lines)
    assert all(line[3] == "0" for line in lines)
