"""A bench row: one measured figure beside its bar."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """What was measured, against what, and what bounds it."""

    name: str
    value: float
    sense: str
    """`>=` or `<=`"""
    bar: float
    unit: str
    comparator: str
    bound_by: str

    @property
    def is_met(self) -> bool:
        """Whether the value is on the right side of its bar."""
        return self.value >= self.bar if self.sense == ">=" else self.value <= self.bar


def show(rows: list[Row], json_path: Path | None) -> None:
    """Print a table, and write the rows as JSON where wanted."""
    table = Table("figure", "value", "bar", "", "comparator", "bound by")
    for row in rows:
        mark = "[green]met[/]" if row.is_met else "[red]missed[/]"
        table.add_row(
            row.name, f"{row.value:.3f} {row.unit}", f"{row.sense} {row.bar:g}", mark, row.comparator, row.bound_by
        )
    Console(width=180).print(table)
    if json_path is not None:
        json_path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
