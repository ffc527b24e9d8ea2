"""What an import wrote and what it left out, printed."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trashseg_core.importers.writing import ImportReport


def print_import(out: Path, report: ImportReport) -> None:
    """Print photos and annotations of each class and split, then what was left out and why."""
    Console(soft_wrap=True).print(import_table(out, report))
    for split, counts in report.class_photos.items():
        absent = [report.class_names[label] for label in range(1, len(counts)) if not counts[label]]
        if absent:
            print(f"warning: no annotation of {', '.join(absent)} in {split}")
    if report.idle_flags:
        kept = ", ".join(report.own_splits)
        print(f"warning: the source's own splits were kept ({kept}); {', '.join(report.idle_flags)} had no effect")
    for reason, names in report.left_out.items():
        if names:
            print(f"left out: {len(names)} {reason} (first: {names[0]})")
    print(f"Next: python run_search.py check {out}")


def import_table(out: Path, report: ImportReport) -> Table:
    """Photos and annotations per class and split."""
    table = Table("label", "class", title=f"{escape(str(out))}: photos / annotations")
    for split, count in report.photos.items():
        table.add_column(f"{split} ({count} photos)", justify="right")
    for label, name in enumerate(report.class_names):
        cells = [
            f"{report.class_photos[split][label]} / {report.class_annotations[split][label]}" for split in report.photos
        ]
        table.add_row(str(label), escape(name), *(cells if label else []))
    return table
