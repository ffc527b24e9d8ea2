"""Two searches held against each other."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.results import TrialResult, results_of
from experiments.secrets import redacted
from experiments.showing.run_status import RunStatus, read_status
from experiments.showing.wording import duration
from experiments.verbs.leaderboard import INTERVAL, PLAIN_WIDTH
from trashseg_core.confusion import bootstrap_miou
from trashseg_core.errors import BadInput
from trashseg_core.val_confusions import Confusions, read_confusions

PLACES = ("name", "out")
"""Settings that two searches never share."""


def compare_runs(folder_a: Path, folder_b: Path) -> dict[str, Any]:
    """Compare what two searches reached, what it cost, and what they were started with.

    Returns:
        folders; same_data by split; scores, a list of {what, a, b, difference b - a, interval of it or None}; folds on
        whose photos an ensemble was scored, None where it was on val; cost of each; settings and domains that differ,
        each as [a, b].

    Raises:
        BadInput: one of them is no run folder, or is damaged.
    """
    a, b = read_status(folder_a), read_status(folder_b)
    best = [_best(one) for one in (a, b)]
    ensembles = [_ensemble_scores(one) for one in (a, b)]
    singly = [_confusions(one, found.checkpoint if found else None) for one, found in zip((a, b), best, strict=True)]
    together, held_out = ([_confusions(one, place) for one in (a, b)] for place in ("ensemble", "ensemble/held_out"))
    return {
        "folders": [str(folder_a), str(folder_b)],
        "same_data": {split: a.manifest.data[split] == b.manifest.data.get(split) for split in a.manifest.data},
        "scores": [
            _score("best trial", [found.val_miou if found else None for found in best], singly),
            _score("ensemble, in-sample", [scores.get("val_miou") for scores in ensembles], together),
            _score("ensemble, held out", [scores.get("held_out") for scores in ensembles], held_out),
        ],
        "folds": [scores.get("folds") for scores in ensembles],
        "held_out_intervals": [scores.get("interval") for scores in ensembles],
        "cost": [_cost(one) for one in (a, b)],
        "settings": _differing(asdict(a.manifest.settings), asdict(b.manifest.settings), PLACES),
        "domains": _differing(a.manifest.domains, b.manifest.domains),
    }


def paired_interval(a: Confusions, b: Confusions) -> list[float] | None:
    """90 % bootstrap interval of mIoU(b) - mIoU(a) over the photos that both were scored on, the same draws for both.

    Returns:
        [low, high], or None where photos or classes are not the same.
    """
    in_order = b.of(a.file_names)
    if in_order is None or len(a.file_names) != len(b.file_names) or a.class_names != b.class_names:
        return None
    differences = bootstrap_miou(in_order) - bootstrap_miou(a.per_image)
    low, high = np.nanquantile(differences, INTERVAL)
    return [float(low), float(high)]


def print_comparison(found: dict[str, Any]) -> None:
    """Print scores, cost and what was set differently."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("mIoU", *map(escape, found["folders"]), "difference", "90 % interval"):
        table.add_column(heading, justify="left" if heading == "mIoU" else "right")
    for row in found["scores"]:
        interval = "" if row["interval"] is None else "{:+.3f} to {:+.3f}".format(*row["interval"])
        table.add_row(row["what"], _told(row["a"]), _told(row["b"]), _told(row["difference"], "+"), interval)
    Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(table)
    for folder, folds in zip(found["folders"], found["folds"], strict=True):
        if folds is not None:
            print(f"{folder}: the ensemble was scored on train and val, out of {folds} folds; the best trial on val")
    for folder, cost in zip(found["folders"], found["cost"], strict=True):
        trials = ", ".join(f"{count} {state}" for state, count in cost["trials"].items())
        print(f"{folder}: {trials or 'no trial'}; {cost['epochs']} epochs, {duration(cost['training_s'])} of training")
    other = [split for split, same in found["same_data"].items() if not same]
    print(f"data: {' and '.join(other)} are not the same" if other else "data: the same")
    for name, (a, b) in found["settings"].items():
        print(f"{name}: {_plain(a)} | {_plain(b)}")
    for name, (a, b) in found["domains"].items():
        print(f"{name} varies: {_plain(a)} | {_plain(b)}")


def _best(status: RunStatus) -> TrialResult | None:
    objective = status.progress.objective
    results = results_of(status.records, objective, status.folder)
    return results[0] if results and results[0].status != "failed" else None


def _confusions(status: RunStatus, place: str | None) -> Confusions | None:
    if place is None:
        return None
    try:
        return read_confusions(status.folder / place)
    except BadInput:  # no ensemble yet, or a checkpoint that gave way
        return None


def _ensemble_scores(status: RunStatus) -> dict[str, Any]:
    """In-sample and held-out score of the ensemble, the interval of the second, and its folds; empty without one."""
    if not (status.folder / "ensemble" / "ensemble.json").is_file():
        return {}
    from trashseg_core.ensemble.bundle import read_ensemble

    ensemble = read_ensemble(status.folder / "ensemble")
    scores = {"val_miou": ensemble.val_miou, "held_out": ensemble.val_miou_crossfit}
    return {**scores, "interval": ensemble.val_interval or None, "folds": ensemble.provenance.get("folds")}


def _score(what: str, values: list[float | None], scored: Sequence[Confusions | None] = (None, None)) -> dict[str, Any]:
    (a, b), (scored_a, scored_b) = values, scored
    difference = None if a is None or b is None else b - a
    interval = None
    if scored_a is not None and scored_b is not None:
        interval = paired_interval(scored_a, scored_b)
        difference = None if interval is None else difference  # of other photos it says nothing
    return {"what": what, "a": a, "b": b, "difference": difference, "interval": interval}


def _cost(status: RunStatus) -> dict[str, Any]:
    epochs = [one for record in status.records for one in record.epochs.values()]
    training_s = sum(float(one.get("epoch_s", 0)) for one in epochs)
    states = Counter(status.progress.state(record) for record in status.records)
    return {"trials": dict(states), "epochs": len(epochs), "training_s": round(training_s, 1)}


def _differing(a: dict[str, Any], b: dict[str, Any], left_out: tuple[str, ...] = ()) -> dict[str, list[Any]]:
    names = [name for name in dict.fromkeys([*a, *b]) if name not in left_out and a.get(name) != b.get(name)]
    pairs = {name: [a.get(name), b.get(name)] for name in names}
    return {name: [redacted(one) if isinstance(one, str) else one for one in pair] for name, pair in pairs.items()}


def _told(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.4f}"


def _plain(value: Any) -> str:
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)
