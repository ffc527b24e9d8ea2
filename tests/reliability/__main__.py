"""Try everything that must not break: python -m tests.reliability [ROW ...] [--rounds N] [--fuzz-cases N] [--write].

Without ROW, all rows are tried. `--write` writes what was tried into tests/RELIABILITY.md.
"""

import argparse
import platform
import sys
from datetime import date
from pathlib import Path

import pytest

from tests.reliability.cases import Row, Tally
from tests.reliability.rows import ROWS

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests" / "RELIABILITY.md"
ROUNDS, FUZZ_CASES = 30, 50_000
HEAD = """# Reliability

Written by `python -m tests.reliability --write`. Try a row again alone: `python -m tests.reliability ROW`;
`--write` writes its line anew. A case is one bad input, one fault or one attack. It is lost where finished
work was lost, something hung, crashed or wrote a wrong file, or foreign code was run.

| row | what is tried | cases | lost | seconds | tried |
|---|---|---:|---:|---:|---|
"""


def main() -> int:
    """Run the tests of the chosen rows and show, or write, what they came to."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one or more of {', '.join(ROWS)}; default all")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"kills at random moments, default {ROUNDS}")
    parser.add_argument("--fuzz-cases", type=int, default=FUZZ_CASES, help=f"all in all, default {FUZZ_CASES}")
    parser.add_argument("--log", type=Path, help="write a line per case of fuzzing and per kill here")
    parser.add_argument("--write", action="store_true", help="write the lines of these rows into tests/RELIABILITY.md")
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - ROWS.keys():
        parser.error(f"there is no row {', '.join(sorted(unknown))}; rows are {', '.join(ROWS)}")
    tally = Tally(arguments.rows or list(ROWS))
    flags = [f"--rounds={arguments.rounds}", f"--fuzz-cases={arguments.fuzz_cases}"]
    log = [f"--reliability-log={arguments.log.absolute()}"] if arguments.log else []
    code = pytest.main([str(ROOT / "tests"), f"--rootdir={ROOT}", *flags, *log], plugins=[tally])
    told = f"{date.today()}, {' '.join(flags)}, {platform.system()}, Python {platform.python_version()}"
    lines = {name: line(name, row, told) for name, row in tally.rows.items()}
    print("".join(lines.values()), end="")
    if arguments.write:
        known = written_lines() | lines
        TABLE.write_text(HEAD + "".join(known[name] for name in ROWS if name in known), encoding="utf-8")
    return int(code)


def written_lines() -> dict[str, str]:
    """The lines of the table as it is, by row."""
    text = TABLE.read_text(encoding="utf-8") if TABLE.is_file() else ""
    return {one.split("`")[1]: one for one in text.splitlines(keepends=True) if one.startswith("| `")}


def line(name: str, row: Row, told: str) -> str:
    """One row of the table; what was skipped is said."""
    skipped = f" ({row.skipped} skipped)" if row.skipped else ""
    return f"| `{name}` | {ROWS[name]} | {row.tried:,}{skipped} | {row.lost} | {row.seconds:.0f} | {told} |\n"


if __name__ == "__main__":
    sys.exit(main())
