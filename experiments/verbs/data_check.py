"""The class table and the findings of a data folder, printed."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.terminal import progress_line
from trashseg_core.data.check import DataReport, check_folder
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput

MAX_WARNINGS = 5


def print_check(folder: DataFolder, list_all: bool, skip_bad: bool) -> None:
    """Check a data folder and print what it holds.

    Raises:
        BadInput: there are findings that `skip_bad` does not cover; the first one and how many.
    """
    report = check_folder(folder, progress_line("photos checked"))
    Console(soft_wrap=True).print(class_table(report))
    for name, counts in report.counts.items():
        absent = [report.class_names[label] for label in range(1, len(counts)) if not counts[label]]
        if absent and name != "test":
            print(f"warning: no annotation of {', '.join(absent)} in {name}")
    if report.num_without_area:
        print(f"{report.num_without_area} annotations without `area`: the pixels of their masks decide the paint order")
    if report.num_crossing:
        print(
            f"{report.num_crossing} annotations with a polygon that crosses itself: what it encloses twice counts as "
            "outside, as COCO paints it"
        )
    print_warnings(report, list_all)
    if list_all:
        for finding in report.findings:
            print(finding)
    hard = [finding for finding in report.findings if not (skip_bad and finding.skippable)]
    if report.findings and not hard:
        print(f"{len(report.findings)} bad entries would be left out")
    if hard:
        hint = "" if list_all else " `--all` lists them."
        raise BadInput(f"{hard[0]} {len(report.findings)} finding(s) in all.{hint}")


def print_warnings(report: DataReport, list_all: bool) -> None:
    """Name photos that two splits share but for size, quality or crop: scores there are better than they should be."""
    shown = report.warnings if list_all else report.warnings[:MAX_WARNINGS]
    for warning in shown:
        print(f"warning: {warning}")
    if report.warnings:
        more = "" if len(shown) == len(report.warnings) else " `--all` lists them."
        print(
            f"warning: {len(report.warnings)} pair(s) of copies or near-duplicates in two splits. What is learned from "
            f"one flatters the score on the other; take one away.{more}"
        )


def class_table(report: DataReport) -> Table:
    """Annotations per class and split."""
    table = Table("label", "class", title="Annotations")
    for name in report.counts:
        table.add_column(f"{name} ({report.photos[name]} photos)", justify="right")
    for label, class_name in enumerate(report.class_names):
        row = [str(counts[label]) if label and name != "test" else "" for name, counts in report.counts.items()]
        table.add_row(str(label), escape(class_name), *row)
    return table
