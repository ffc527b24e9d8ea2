"""The verb that foretells the shake-up of a leaderboard."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.showing.wording import left_out_text
from experiments.verbs.command_line import Verb
from trashseg_core.errors import BadInput

MAX_ROWS, WIDTH = 15, 120
MAX_TEST = 1_000_000


def stability(
    run: Annotated[Path | None, tyro.conf.Positional] = None,
    /,
    csv: tuple[Path, ...] = (),
    truth: Path | None = None,
    background_category: str | None = None,
    test_size: int | None = None,
    out: Path | None = None,
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Foretell the shake-up: intervals, who may swap places, which classes cause it, which two to hand in.

    Examples: python run_search.py stability runs/first
              python run_search.py stability --csv a.csv b.csv --truth DATA/val.json

    Args:
        run: run folder, e.g. runs/first; its trials and its ensemble are the leaderboard
        csv: submission CSVs of any origin instead, which answer the photos of the truth
        truth: COCO file of these photos
        background_category: category of the truth that is the background itself
        test_size: photos of the test set; by default as many as test.json lists, else as many as were scored
        out: file of the result, where an older result gives way; default: RUN/stability.json, none with --csv
        as_json: print the result as JSON
    """
    _refuse_sources(run, csv, truth)
    if test_size is not None and not 2 <= test_size <= MAX_TEST:
        allowed = f"must be 2 or more, as each half needs a photo, and at most {MAX_TEST:,}"
        raise BadInput(f"The value of `--test-size` is {test_size}, but {allowed}.")
    if out is not None and not out.parent.is_dir():
        raise BadInput(f"`--out {out}`: no such folder {out.parent}. Create it, or give another path.")
    if out is not None and os.path.lexists(out) and not _is_forecast(out):
        raise BadInput(f"`--out {out}`: is there already, but is no result of `stability`. Name another file.")
    from experiments.forecast import FILE
    from experiments.manifest import check_own
    from trashseg_core.disk.files import write_json

    if run is not None:
        if out is None:
            check_own(run)
        document, out = _of_run(run, test_size), out or run / FILE
    else:
        assert truth is not None
        document = _of_files(csv, truth, background_category, test_size)
    if out is not None:
        write_json(out, document)
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        print_stability(document)
        print(f"Written: {out}" if out else "Not written; `--out FILE.json` keeps it.")


def _refuse_sources(run: Path | None, csv: tuple[Path, ...], truth: Path | None) -> None:
    """Refuse anything but a run folder, or CSVs with their truth."""
    if run is None and not csv:
        raise BadInput("`stability` needs a run folder, e.g. runs/first; or `--csv a.csv b.csv --truth DATA/val.json`.")
    if run is not None and (csv or truth is not None):
        flag, what = ("--csv", "the CSVs stand alone") if csv else ("--truth", "a run folder knows its own scores")
        raise BadInput(f"`{flag}` does not go with the run folder {run}: {what}. Leave one of the two out.")
    if run is None and truth is None:
        raise BadInput("`--csv` needs the COCO file of the photos that the CSVs answer. Add `--truth DATA/val.json`.")


def _is_forecast(path: Path) -> bool:
    """Whether a file is a result that this verb wrote."""
    from trashseg_core.disk.files import read_json

    try:
        document = read_json(path)
    except BadInput:
        return False
    return isinstance(document, dict) and {"models", "flips"} <= document.keys()


def _of_run(run: Path, test_size: int | None) -> dict[str, Any]:
    from experiments.forecast import forecast_run
    from experiments.manifest import FILE, read_manifest

    if not (run / "results.json").is_file():
        raise BadInput(f"{run}: no search has ended here. Give a run folder, e.g. runs/first.")
    data = read_manifest(run).settings.data_folder if (run / FILE).is_file() else None
    return forecast_run(run, data, test_size)


def _of_files(files: tuple[Path, ...], truth: Path, background: str | None, test_size: int | None) -> dict[str, Any]:
    from trashseg_core.stability.forecast import foretell
    from trashseg_core.submission_scores import read_truth, score_submission

    names = [path.stem for path in files]
    names = names if len(set(names)) == len(names) else [str(path) for path in files]
    if len(set(names)) < len(names):
        raise BadInput("`--csv`: a file is given twice. Give each one once.")
    answers = read_truth(truth, background)
    scored = {name: score_submission(path, answers) for name, path in zip(names, files, strict=True)}
    return foretell(scored, answers.class_names, test_size).to_json()


def print_stability(document: dict[str, Any]) -> None:
    """Print the leaderboard with its intervals, the classes behind the shake-up, and the pair to hand in."""
    console = Console(soft_wrap=True, highlight=False, width=WIDTH)
    console.print(_leaderboard(document))
    if left_out := document.get("left_out"):
        console.print(escape(left_out_text(left_out)))
    if document["spearman"] is not None:
        mean, low, high = document["spearman"]
        console.print(
            f"Rank correlation of public and private board, {document['test_size']} photos in two random halves: "
            f"{mean:.2f} ({low:.2f} to {high:.2f}); rare classes dealt evenly: {document['spearman_stratified']:.2f}"
        )
        for cause in worst_causes(document):
            console.print(
                f"  {escape(cause['name'])} causes {100 * cause['share']:.0f} % of the shake-up, "
                f"with {cause['photos']} photos"
            )
    pair = document["pair"]
    if pair["bold"] is not None:
        console.print(
            f"Hand in {escape(pair['safe'])} (safe) and {escape(pair['bold'])} (bold): the better one is expected at "
            f"{pair['expected_best']:.4f}, {pair['expected_best'] - pair['expected_safe']:.4f} above the safe one alone"
        )


def worst_causes(document: dict[str, Any], most: int = 3) -> list[dict[str, Any]]:
    """The classes with the largest shares of the shake-up, the largest first."""
    known = [cause for cause in document["causes"] if cause["share"] is not None and cause["share"] > 0]
    return sorted(known, key=lambda cause: -cause["share"])[:most]


def _leaderboard(document: dict[str, Any]) -> Table:
    title = f"{document['photos']} photos scored, {document['test_size']} on test; intervals hold 90 %"
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.title, table.title_justify = title, "left"
    for column in (
        "#",
        "model",
        "val\nmIoU",
        "interval",
        "expected",
        "on test",
        "private\n- public",
        "swaps\nwith next",
    ):
        table.add_column(column, justify="left" if column == "model" else "right", vertical="bottom")
    models, flips = document["models"], document["flips"]
    for number, model in enumerate(models[:MAX_ROWS]):
        low, high = model["interval"]
        down, _, up = model["private_minus_public"]
        swap = f"{100 * flips[number][number + 1]:.0f} %" if number + 1 < len(models) else ""
        on_test = "{:.3f}-{:.3f}".format(*model["test_interval"])
        spans = [f"{low:.3f}-{high:.3f}", f"{model['true_miou']:.4f}", on_test, f"{down:+.2f} {up:+.2f}"]
        table.add_row(str(number + 1), escape(model["name"]), f"{model['miou']:.4f}", *spans, swap)
    return table


SHAKEUP_VERBS: dict[str, Verb] = {"stability": stability}
