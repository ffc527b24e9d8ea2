"""The verbs that look at searches, while they run or after; none of them changes anything."""

import json
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments.verbs.command_line import Verb


def status(
    run: Annotated[Path, tyro.conf.Positional], /, as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
) -> None:
    """Say how a search stands, from another terminal while it runs or after.

    Running, stopped or finished; trials by state; the best; when it will end; the age of the last report.

    Examples: python run_search.py status runs/first
              watch -n 10 python run_search.py status runs/first

    Args:
        run: run folder, e.g. runs/first
        as_json: one JSON object instead of text
    """
    from experiments.showing.run_status import read_status
    from experiments.verbs.status_text import print_status

    found = read_status(run)
    if as_json:
        _print_json(found.document())
    else:
        print_status(found)


def leaderboard(
    run: Annotated[Path, tyro.conf.Positional],
    /,
    top: int = 20,
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Rank the trials of a search, while it runs or after, each with the interval of its score.

    The interval is the 90 % bootstrap over the photos of val: where two of them overlap, the order may be luck.

    Example: python run_search.py leaderboard runs/first --top 10

    Args:
        run: run folder, e.g. runs/first
        top: number of trials
        as_json: one JSON list instead of a table
    """
    from experiments.verbs.leaderboard import print_leaderboard, read_leaderboard

    rows = read_leaderboard(run, top)
    if as_json:
        _print_json(rows)
    else:
        print_leaderboard(rows)


def compare(
    run_a: Annotated[Path, tyro.conf.Positional],
    run_b: Annotated[Path, tyro.conf.Positional],
    /,
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Hold two searches against each other: what they reached, what it cost, and what was set differently.

    Where both were scored on the same photos, the difference comes with its 90 % bootstrap interval over these photos.

    Example: python run_search.py compare runs/first runs/second

    Args:
        run_a: one run folder
        run_b: another run folder
        as_json: one JSON object instead of a table
    """
    from experiments.verbs.comparison import compare_runs, print_comparison

    found = compare_runs(run_a, run_b)
    if as_json:
        _print_json(found)
    else:
        print_comparison(found)


def _print_json(document: Any) -> None:
    print(json.dumps(document))


LOOK_VERBS: dict[str, Verb] = {"status": status, "leaderboard": leaderboard, "compare": compare}
