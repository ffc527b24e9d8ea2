"""The report of a search: `report.html`, one file that says what was found and what to do next."""

import shlex
import time
from collections import Counter
from pathlib import Path
from typing import Any

from experiments.drawing import figures
from experiments.drawing.ensemble_section import ensemble_section
from experiments.drawing.front_section import front_section
from experiments.drawing.page import (
    Content,
    Raw,
    cards,
    details,
    figure,
    interval_bar,
    joined,
    json_block,
    page,
    picture,
    table,
    tag,
)
from experiments.run_folder import RunFolder, read_run_folder
from trashseg_core.files import write_text

MAX_PICTURES = 24
PLACES = {
    "ensemble": "the ensemble: predicts on a machine that has only trashseg_core",
    "submission.csv": "the submission",
    "results.json": "one row per trial",
    "journal.jsonl": "every epoch of every trial",
    "trials": "checkpoints",
    "overlays": "the pictures below, larger",
}


def write_report(folder: Path, objective: str = "val_miou") -> Path:
    """Write `report.html` into a run folder from the files that are there; only `results.json` must be.

    Args:
        objective: what was maximised, `val_miou` or `val_miou_low`.

    Raises:
        BadInput: a file of the folder is missing or damaged.
    """
    run = read_run_folder(folder, objective)
    sections = {"Trials": _leaderboard(run), "How the search went": _curves(run)}
    if run.ensemble is not None:
        sections["Ensemble"] = ensemble_section(run.ensemble, run.results)
    sections["Classes"] = _classes(run)
    sections |= front_section(folder, run.results, run.records)
    if pictures := sorted((folder / "overlays").glob("*.png")):
        sections["Pictures"] = _pictures(pictures)
    sections |= {"What to do next": _next(run), "Settings": _settings(run)}
    name = str(run.settings.get("name", folder.absolute().name))
    path = folder / "report.html"
    write_text(path, page(f"{name}: report of the search", _summary(run), sections))
    return path


def _summary(run: RunFolder) -> Raw:
    best, ensemble = run.best, run.ensemble
    entries: list[tuple[str, str, str]] = []
    if ensemble is not None:
        count = len(ensemble.members)
        members = f"{count} member{'s' if count > 1 else ''}, in-sample"
        entries.append((f"{ensemble.val_miou:.4f}", "ensemble, val mIoU", members))
        low_high = " to ".join(f"{one:.3f}" for one in ensemble.val_interval)
        span = f"90 % interval {low_high}" if low_high else "parts of val choose for each other"
        entries.append((f"{ensemble.val_miou_crossfit:.4f}", "ensemble, held out", span))
    if best is not None:
        epoch = f"{best.trial_id}, epoch {best.best_epoch}"
        entries.append((_score(best.val_miou), "best single trial, val mIoU", epoch))
    states = Counter(figures.STATUS_NAMES[one.status] for one in run.results)
    entries.append((str(len(run.results)), "trials", ", ".join(f"{count} {name}" for name, count in states.items())))
    spent = duration(sum(one.seconds for one in run.results))
    entries.append((spent, "training, all trials", _period(run.times)))
    return joined(tag("p", " · ".join(_data(run)), "faint"), cards(entries), tag("p", _verdict(run)))


def _data(run: RunFolder) -> list[str]:
    scored = next(iter(run.confusions.values()), None)
    told = [f"Data: {run.settings['data']}"] if "data" in run.settings else []
    if scored is not None:
        told.append(f"{len(scored.per_image)} val photos, {len(scored.class_names)} classes with the background")
    return told


def _verdict(run: RunFolder) -> str:
    """What the numbers say, in words."""
    best, ensemble = run.best, run.ensemble
    if best is None or best.val_miou is None:
        return "No trial can be used. The reasons are below."
    words = []
    if ensemble is not None:
        gain = ensemble.val_miou_crossfit - best.val_miou
        words.append(
            f"Held out, the ensemble is {abs(gain):.4f} {'above' if gain >= 0 else 'below'} the best single trial, "
            "whose own score is a little flattered by having been picked on the same photos."
        )
    close = [name for name, (_, high) in run.intervals.items() if name != best.trial_id and high >= best.val_miou]
    if close:
        few = len(close) == 1
        words.append(
            f"The 90 % interval{'' if few else 's'} of {len(close)} other trial{'' if few else 's'} "
            f"reach{'es' if few else ''} the best trial's val_miou, so their order may be luck."
        )
    return " ".join(words) or f"The best trial is {best.trial_id}."


def _leaderboard(run: RunFolder) -> Raw:
    names, best = figures.varying(run.results), run.best
    bounds = [bound for pair in run.intervals.values() for bound in pair]
    span = (min(bounds), max(bounds)) if bounds else (0.0, 1.0)
    rows: list[list[Content]] = []
    for number, one in enumerate(run.results, 1):
        interval = run.intervals.get(one.trial_id)
        bar = (
            interval_bar(interval[0], one.val_miou, interval[1], span)
            if interval and one.val_miou is not None
            else None
        )
        state = tag("span", figures.STATUS_NAMES[one.status], one.status)
        epochs = f"{one.best_epoch or '–'} / {one.epochs_run}"
        scores = [_score(one.val_miou), bar, _score(one.val_miou_low)]
        values = [one.config.get(name) for name in names]
        rows.append([number, one.trial_id, state, *scores, epochs, duration(one.seconds), *values])
    header = ["#", "trial", "status", "val_miou", "90 % interval", "val_miou_low", "best / epochs", "time", *names]
    note = "The interval is the bootstrap over val photos; val_miou_low is its lower end. A dash: not in this trial."
    board = table(header, rows, best=run.results.index(best) if best else None)
    reasons: list[list[Content]] = [[one.trial_id, one.error] for one in run.results if one.error]
    failures = [tag("h3", "Why trials failed"), table(["trial", "reason"], reasons, wrap=1)] if reasons else []
    return joined(tag("p", note, "faint"), board, *failures)


def _curves(run: RunFolder) -> Raw:
    curves = figures.learning_curves(run.results, run.records, run.objective)
    blocks = [
        tag("h3", f"{run.objective} per epoch"),
        figure(curves, "curves", first=True),
        tag("h3", f"{run.objective} per trial, in the order of proposal"),
        figure(figures.optimisation_history(run.results, run.objective), "history"),
    ]
    slices = figures.slices(run.results, run.objective)
    if slices:
        parts = [figure(one, f"slice-{number}").html for number, one in enumerate(slices.values())]
        note = tag("p", "Orange: the best trial. Grey: stopped early, so lower by itself. Pink: failed.", "faint")
        blocks += [
            tag("h3", f"{run.objective} by hyperparameter"),
            note,
            Raw(f'<div class="grid">{"".join(parts)}</div>'),
        ]
    return joined(*blocks)


def _classes(run: RunFolder) -> Raw:
    note = "IoU on val of the best trials, the weakest class of the best trial on top."
    return joined(tag("p", note, "faint"), figure(figures.class_ious(run.confusions), "classes"))


def _pictures(paths: list[Path]) -> Raw:
    more = f" {len(paths) - MAX_PICTURES} more are in overlays/." if len(paths) > MAX_PICTURES else ""
    note = tag(
        "p", f"Val photos: the worst, some with the rarest classes, the best. Swipe sideways on a phone.{more}", "faint"
    )
    return joined(note, *[picture(path) for path in paths[:MAX_PICTURES]])


def _next(run: RunFolder) -> Raw:
    """The commands that go on from here, with this folder's paths filled in."""
    place, program = shlex.quote(str(run.path.absolute())), "python run_search.py"
    lines = []
    if run.ensemble is not None:
        if not (run.path / "submission.csv").is_file():
            lines += ["# the submission for test.json", f"{program} submit {place}", ""]
        lines += ["# label maps of other photos", f"{program} predict {place}/ensemble IMAGES --out LABELS", ""]
    elif run.best is not None:
        lines += ["# the best trials together", f"{program} ensemble {place}", ""]
    if run.best is not None:
        data = shlex.quote(str(run.settings.get("data", "DATA")))
        again = f"{program} train --data {data} --from {place} --trial {run.best.trial_id}"
        lines += ["# the best trial once more", again, ""]
    lines += ["# all trials side by side in MLflow", f"{program} ui {place}", ""]
    lines += ["# go on, where the search was interrupted", f"{program} resume {place}"]
    there = [[name, meaning] for name, meaning in PLACES.items() if (run.path / name).exists()]
    files = table([str(run.path.absolute()), ""], there)
    return joined(tag("pre", "\n".join(lines)), tag("h3", "Where things are"), files)


def _settings(run: RunFolder) -> Raw:
    blocks = []
    if run.settings:
        rows: list[list[Content]] = [[name, _plain(value)] for name, value in run.settings.items()]
        blocks.append(details("All settings of the search", table(["setting", "value"], rows, wrap=1)))
    if run.best is not None:
        rows = [[name, _plain(value)] for name, value in run.best.config.items()]
        blocks.append(
            details(f"Configuration of {run.best.trial_id}", table(["hyperparameter", "value"], rows, wrap=1))
        )
    if run.ensemble is not None:
        blocks.append(details("Origin of the ensemble", json_block(run.ensemble.provenance)))
    rest = {name: value for name, value in run.manifest.items() if name != "settings"}
    if rest:
        blocks.append(details("Manifest", json_block(rest)))
    return joined(*blocks) if blocks else tag("p", "There is no manifest.json in this folder.", "faint")


def _plain(value: Any) -> Content:
    return value if isinstance(value, str | int | float | None) else " ".join(map(str, value))


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _period(times: list[float]) -> str:
    moments = (
        [time.strftime("%Y-%m-%d %H:%M", time.localtime(one)) for one in (min(times), max(times))] if times else []
    )
    return " to ".join(dict.fromkeys(moments))


def duration(seconds: float) -> str:
    """Time in the two largest units, e.g. `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
