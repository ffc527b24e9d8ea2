"""Measure: python -m tests.bench SUITE [--repeats N] [--json FILE] [--tables FILE ...]."""

import argparse
import functools
from pathlib import Path

from tests.bench import core, crf, end_to_end, ensemble, prediction, search, tracking, waste
from tests.bench.rows import show

ENSEMBLE = [ensemble.measure, prediction.measure]
SUITES = {
    "end-to-end": end_to_end.measure,
    "core": core.measure,
    "search": search.measure,
    "waste": waste.measure,
    "ensemble": lambda repeats: [row for measure in ENSEMBLE for row in measure(repeats)],
    "crf": crf.measure,
    "tracking": tracking.measure,
}


def main() -> None:
    """Run the chosen suites and print their rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("suite", choices=[*SUITES, "all"])
    parser.add_argument("--repeats", type=int, default=3, help="runs of each side, in turn; the median is shown")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    parser.add_argument("--tables", type=Path, nargs="+", default=[], help="search: curve tables instead of TaskSet's")
    parser.add_argument("--made", type=int, default=0, help="search: so many made tables instead of TaskSet's")
    parser.add_argument("--first-seed", type=int, default=0, help="search: other searches from 100 on, say")
    parser.add_argument("--seeds", type=int, default=search.NUM_SEEDS, help="search: replays of each policy and table")
    arguments = parser.parse_args()
    replay = functools.partial(
        search.measure,
        tables=arguments.tables,
        num_seeds=arguments.seeds,
        first_seed=arguments.first_seed,
        num_made=arguments.made,
    )
    suites = {**SUITES, "search": replay}
    chosen = {"all": list(SUITES), "search": ["search", "waste"]}.get(arguments.suite, [arguments.suite])
    show([row for name in chosen for row in suites[name](arguments.repeats)], arguments.json)


if __name__ == "__main__":
    main()
