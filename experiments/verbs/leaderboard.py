"""The leaderboard: the best trials of a search with the intervals of their scores."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.results import TrialResult, results_of
from experiments.showing.run_status import read_status
from experiments.showing.wording import assignments, printable
from trashseg_core.bootstrap import miou_interval
from trashseg_core.errors import BadInput
from trashseg_core.val_confusions import read_confusions

INTERVAL = (0.05, 0.95)
PLAIN_WIDTH = 1000
"""Columns where there is no terminal: whoever reads the rows there wants them whole."""


def read_leaderboard(folder: Path, top: int) -> list[dict[str, Any]]:
    """The best trials of a search, best first by its objective, from the journal: also while it runs.

    Args:
        top: number of trials.

    Returns:
        Rows with rank, trial, status (running and waiting included), val_miou, interval [low, high] of it or None,
        best_epoch, epochs_run, error, and the suggested hyperparameters `params`.

    Raises:
        BadInput: there is no search in the folder, or it is damaged; `top` is below 1.
    """
    if top < 1:
        raise BadInput(f"The value of `--top` is {top}, but must be 1 or more.")
    status = read_status(folder)
    trials, objective = status.progress.journal.trials, status.progress.objective
    results = results_of(trials.values(), objective, folder)
    rows = []
    for place, result in enumerate(results[:top], 1):
        record = trials[result.trial_id]
        state = status.progress.state(record)
        rows.append(
            {
                "rank": place,
                "trial": result.trial_id,
                "status": "open" if state == "waiting" and status.process is None else state,
                "val_miou": result.val_miou,
                "interval": _interval(folder, result),
                "best_epoch": result.best_epoch,
                "epochs_run": result.epochs_run,
                "error": record.error,
                "params": record.params,
            }
        )
    return rows


def print_leaderboard(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table; hyperparameters that are the same in all of them are left out."""
    if not rows:
        print("No trial was started yet.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("#", "trial", "status", "val_miou", "interval", "epoch"):
        table.add_column(heading, justify="left" if heading in ("trial", "status") else "right", no_wrap=True)
    table.add_column("varied", overflow="fold")
    names = dict.fromkeys(name for row in rows for name in row["params"])
    varied = [name for name in names if len({repr(row["params"].get(name)) for row in rows}) > 1]
    for row in rows:
        params = {name: row["params"][name] for name in varied if name in row["params"]}
        told = printable(row["error"] or "") if row["status"] == "failed" else assignments(params)
        score = "" if row["val_miou"] is None else f"{row['val_miou']:.4f}"
        low_high = "" if row["interval"] is None else "{:.3f}-{:.3f}".format(*row["interval"])
        epochs = f"{row['best_epoch'] or '-'}/{row['epochs_run']}"
        named = (escape(printable(row[name])) for name in ("trial", "status"))
        table.add_row(str(row["rank"]), *named, score, low_high, epochs, escape(told))
    Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(table)
    print("interval: 90 % bootstrap over the photos of val; epoch: best/last")


def _interval(folder: Path, result: TrialResult) -> list[float] | None:
    """90 % bootstrap interval of a trial's val_miou; None where its matrices are gone, or just being replaced."""
    if result.checkpoint is None:
        return None
    try:
        scored = read_confusions(folder / result.checkpoint)
    except BadInput:
        return None
    return list(miou_interval(scored.per_image))
