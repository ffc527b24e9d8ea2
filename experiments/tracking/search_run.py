"""The search's own run, the parent of all others: settings, origin, leaderboard, figures."""

import csv
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.journal import TrialRecord
from experiments.origin import DATA, FOLDER, read_data, read_software
from experiments.pictures.history_picture import draw_history
from experiments.results import TrialResult, read_results
from experiments.secrets import redacted
from experiments.settings import SearchSettings
from experiments.tracking.data_inputs import data_inputs
from experiments.tracking.identity import SEARCH_RUN
from experiments.tracking.search_findings import bring_importances, bring_shakeup
from experiments.tracking.store import Store
from experiments.tracking.tracked_run import TrackedRun, digest_of
from trashseg_core.disk.files import write_json

FILES = ("results.json", "pareto.json", "report.html", "augmix.png", "verdict.json")
"""Of the run folder, attached where they are there."""


def bring_search(store: Store, trials: dict[str, TrialRecord], is_running: bool) -> TrackedRun:
    """Bring what the search was started from."""
    settings, software = store.settings, read_software(store.settings.folder)
    commit = software.get("git_commit")
    tags = {"mlflow.source.git.commit": commit} if commit else {}
    started = min((record.moments.proposed for record in list(trials.values())), default=0.0)
    if store.known(SEARCH_RUN) is None:
        store.end_forerunners()
    run = store.run(SEARCH_RUN, name=settings.name, tags=tags, started=started)
    run.log_params(_params(settings))
    run.log_tags({f"trashseg.version.{name}": one for name, one in software.items() if one is not None})
    run.log_tags({"mlflow.note.content": _note(settings)})
    run.log_inputs(data_inputs(settings.folder))
    folder = settings.folder / FOLDER
    if (folder / DATA).is_file():
        _attach_origin(run, folder, settings)
    if is_running:
        run.set_running()
    return run


def _params(settings: SearchSettings) -> dict[str, str]:
    """The settings; a URI may hold a password, and the tracking store's own is left out."""
    values = {name: value for name, value in asdict(settings).items() if name != "tracking_uri"}
    return {name: redacted(value) if isinstance(value, str) else str(value) for name, value in values.items()}


def _note(settings: SearchSettings) -> str:
    place = settings.folder
    return (
        f"One search of trashseg over the space `{settings.space}`: {settings.trials} trials of up to "
        f"{settings.epochs} epochs.\n\nOpen it with [+] to see its trials, the ensemble and the submissions.\n\n"
        f"Run folder: `{place}`. `python run_search.py sync {place}` brings what is missing here."
    )


def _attach_origin(run: TrackedRun, folder: Path, settings: SearchSettings) -> None:
    """The space's source, data and software as they were; the class table so that the UI shows it as a table."""
    data = read_data(settings.folder)
    with tempfile.TemporaryDirectory() as name:
        table = Path(name) / "class_table.json"
        splits = data["splits"]
        rows = [
            [label, class_name, *(said["annotations"][label] if label else None for said in splits.values())]
            for label, class_name in enumerate(data["class_names"])
        ]
        headings = [f"annotations in {split} ({said['photos']} photos)" for split, said in splits.items()]
        write_table(table, ["label", "class", *headings], rows)
        files = {path.name: path for path in sorted(folder.iterdir()) if path.name != table.name}
        run.attach("origin", files, {table.name: table}, FOLDER)


def bring_results(store: Store, trials: dict[str, TrialRecord]) -> None:
    """Bring what the search found: scores, leaderboard, figures."""
    settings, run = store.settings, store.known(SEARCH_RUN)
    path = settings.folder / "results.json"
    if run is None or not path.is_file():
        return
    results = read_results(path)
    _bring_scores(run, results, trials)
    with tempfile.TemporaryDirectory() as name:
        board, sheet, history = (Path(name) / one for one in ("leaderboard.json", "leaderboard.csv", "history.png"))
        header, rows = leaderboard(results, trials)
        write_table(board, header, rows)
        with open(sheet, "w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([header, *(map(_as_text, row) for row in rows)])
        files = {sheet.name: sheet, history.name: draw_history(results, settings.objective, history)}
        run.attach("leaderboard", files, {board.name: board})
    bring_importances(run, trials, settings)
    bring_shakeup(run, settings.folder)
    for file_name in FILES:  # each for itself: the report is written anew more often than the rest
        if (settings.folder / file_name).is_file():
            run.attach(file_name, {file_name: settings.folder / file_name})


def _as_text(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _bring_scores(run: TrackedRun, results: list[TrialResult], trials: dict[str, TrialRecord]) -> None:
    scores = {f"best_{name}": getattr(results[0], name) for name in ("val_miou", "val_miou_low")} if results else {}
    counts = {f"trials_{state}": sum(one.status == state for one in results) for state in ("finished", "stopped")}
    counts["trials_failed"] = len(results) - sum(counts.values())
    values = {name: float(value) for name, value in (scores | counts).items() if value is not None}
    epochs = sum(len(record.epochs) for record in trials.values())
    stamp = digest_of(f"{epochs} epochs: {sorted(values.items())}")
    if not run.has("scores", stamp):
        last = max((record.moments.last for record in trials.values()), default=0.0)
        run.log_metrics(values, last, step=epochs)
        run.remember("scores", stamp)


def leaderboard(results: list[TrialResult], trials: dict[str, TrialRecord]) -> tuple[list[str], list[list[Any]]]:
    """Header and rows: scores, then what was proposed."""
    proposed = list(dict.fromkeys(name for record in trials.values() for name in record.params))
    header = ["rank", "trial", "status", "val_miou", "val_miou_low", "best_epoch", "epochs_run", "seconds"]
    rows = []
    for number, one in enumerate(results, 1):
        scores = [one.val_miou, one.val_miou_low, one.best_epoch, one.epochs_run, one.seconds]
        params = trials[one.trial_id].params if one.trial_id in trials else {}
        rows.append([number, one.trial_id, one.status, *scores, *(params.get(name) for name in proposed), one.error])
    return [*header, *proposed, "reason"], rows


def write_table(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    """Write what `MlflowClient.log_table` writes; that itself would append to the table that is there."""
    write_json(path, {"columns": header, "data": rows})
