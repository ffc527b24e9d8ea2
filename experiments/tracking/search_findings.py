"""What a search found beside its trials' scores, on its own run: what mattered, and how its board may shake up."""

import tempfile
from pathlib import Path
from typing import Any

from experiments.analysis.importances import MIN_TRIALS, importances
from experiments.forecast import FILE
from experiments.journal import TrialRecord
from experiments.pictures.importances_picture import draw_importances
from experiments.pictures.shakeup_pictures import draw_causes, draw_flips, draw_intervals
from experiments.policy.standing import standings
from experiments.settings import SearchSettings
from experiments.tracking.tracked_run import TrackedRun, digest_of
from experiments.tracking.trial_pictures import FOLDER
from trashseg_core.disk.files import read_json, write_json

SHAKEUP = "shakeup"
"""Folder of the artifacts, and how the metrics begin."""


def bring_importances(run: TrackedRun, trials: dict[str, TrialRecord], settings: SearchSettings) -> None:
    """Bring a picture of which hyperparameters mattered, where there are trials enough to tell."""
    standing = standings(list(trials.values()), settings.objective)
    stamp = digest_of(f"{sorted(standing.items())}")
    if len(standing) < MIN_TRIALS or run.has("importances", stamp):
        return
    found = importances(trials, standing)
    if found:
        with tempfile.TemporaryDirectory() as name:
            drawn = draw_importances(found, len(standing), Path(name) / "importances.png")
            run.attach("importances.files", {drawn.name: drawn}, folder=FOLDER)
    run.remember("importances", stamp)


def bring_shakeup(run: TrackedRun, folder: Path) -> None:
    """Bring the forecast of the shake-up that the run folder holds: numbers, tables and pictures."""
    path = folder / FILE
    if not path.is_file() or run.has(SHAKEUP, digest_of(path)):
        return
    document = read_json(path)
    values = shakeup_metrics(document)
    if values:
        run.log_metrics(values, path.stat().st_mtime)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        tables = {"causes.json": cause_table(document), "models.json": model_table(document)}
        for table, (columns, rows) in tables.items():
            write_json(place / table, {"columns": columns, "data": rows})
        drawn = [draw_intervals(document, place / "intervals.png")]
        if len(document["models"]) > 1:
            drawn += [draw_flips(document, place / "flips.png"), draw_causes(document, place / "causes.png")]
        files = {FILE: path} | {one.name: one for one in drawn}
        run.attach(f"{SHAKEUP}.files", files, {table: place / table for table in tables}, folder=SHAKEUP)
    run.remember(SHAKEUP, digest_of(path))


def shakeup_metrics(document: dict[str, Any]) -> dict[str, float]:
    """The key numbers of a forecast; none where there is one model, which nothing can shake."""
    if document["spearman"] is None:
        return {}
    names = ("spearman", "spearman_low", "spearman_high")
    values = dict(zip(names, document["spearman"], strict=True)) | {"spearman_dealt": document["spearman_stratified"]}
    return {f"{SHAKEUP}_{name}": float(value) for name, value in values.items()}


def cause_table(document: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Header and rows: each class's share of the shake-up, the largest first."""
    ranked = sorted(document["causes"], key=lambda one: -(one["share"] or 0.0))
    return ["class", "share", "val_photos"], [[one["name"], one["share"], one["photos"]] for one in ranked]


def model_table(document: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Header and rows: each model's score, interval and what may move it, the best first."""
    header = ["model", "val_miou", "low", "high", "expected", "private_minus_public_low", "private_minus_public_high"]
    rows = []
    for one in document["models"]:
        down, _, up = one["private_minus_public"]
        rows.append([one["name"], one["miou"], *one["interval"], one["true_miou"], down, up])
    return header, rows
