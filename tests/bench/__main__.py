"""Measure: python -m tests.bench {end-to-end|core|all} [--repeats N] [--json FILE]."""

import argparse
from pathlib import Path

from tests.bench import core, end_to_end
from tests.bench.rows import show

SUITES = {"end-to-end": end_to_end.measure, "core": core.measure}


def main() -> None:
    """Run the chosen suites and print their rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("suite", choices=[*SUITES, "all"])
    parser.add_argument("--repeats", type=int, default=3, help="runs of each side, in turn; the median is shown")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    arguments = parser.parse_args()
    chosen = list(SUITES) if arguments.suite == "all" else [arguments.suite]
    show([row for name in chosen for row in SUITES[name](arguments.repeats)], arguments.json)


if __name__ == "__main__":
    main()
