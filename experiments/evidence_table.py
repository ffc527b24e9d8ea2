"""The evidence of an ensemble as a table in the terminal."""

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

PLAIN_WIDTH = 120
"""Columns where there is no terminal: rich would take 80, and break the reasons word by word."""


def print_evidence(rows: list[dict[str, Any]], console: Console | None = None) -> None:
    """Print what was tried, in the order of the steps.

    Args:
        rows: `Ensemble.evidence`.
    """
    title = "What the ensemble is built on: mIoU on val; gain held out, ± one standard error"
    table = Table("step", title=title, title_justify="left")
    for column in ("in-sample", "held out", "gain", "s"):
        table.add_column(column, justify="right")
    table.add_column("kept")
    table.add_column("why")
    for row in rows:
        gain = f"{row['gain']:+.4f} ± {row['error']:.4f}" if "gain" in row else ""
        scores = [f"{row[name]:.4f}" if name in row else "" for name in ("val_miou", "held_out")]
        seconds = f"{row['seconds']:.1f}" if "seconds" in row else ""
        kept = "[green]yes[/]" if row["kept"] else "no"
        table.add_row(escape(row["name"]), *scores, gain, seconds, kept, escape(row["why"]))
    (console or Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)).print(table)
