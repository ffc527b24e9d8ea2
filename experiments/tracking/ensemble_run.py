"""The ensemble's run: who is in, what each step gained, what it looks like on val, and the registered model."""

import html
import tempfile
from pathlib import Path
from typing import Any

from experiments.pictures.class_iou_picture import draw_class_ious
from experiments.pictures.confusion_picture import draw_confusion
from experiments.tracking.data_inputs import data_inputs
from experiments.tracking.fold_run import known_model
from experiments.tracking.identity import DIGEST_LENGTH, ENSEMBLE_RUN, SEARCH_RUN
from experiments.tracking.registered_model import register_model
from experiments.tracking.search_run import write_table
from experiments.tracking.store import Store
from experiments.tracking.tracked_run import TrackedRun, key
from trashseg_core.checkpoint import CONFUSIONS, read_confusions
from trashseg_core.disk.files import file_digest
from trashseg_core.ensemble.bundle import DESCRIPTION, Ensemble, read_ensemble

MEMBER_TAG = "trashseg.member"
"""Followed by a trial's key; the value is the id of its run."""


def bring_ensemble(store: Store) -> None:
    """Bring the ensemble that the run folder holds: one run for each that was ever built."""
    folder, parent = store.settings.folder, store.known(SEARCH_RUN)
    path = folder / "ensemble" / DESCRIPTION
    if parent is None or not path.is_file():
        return
    ensemble, moment = read_ensemble(path.parent), path.stat().st_mtime
    digest = file_digest(path)[:DIGEST_LENGTH]
    tags = {"mlflow.parentRunId": parent.id}
    run = store.run(ENSEMBLE_RUN, digest, ENSEMBLE_RUN, tags, moment)
    _attach_overlays(run, folder, moment)
    if run.has(ENSEMBLE_RUN, digest):
        return
    run.log_params({"members": len(ensemble.members), "tta": _tta(ensemble), "crf": ensemble.crf is not None})
    run.log_inputs(data_inputs(folder))
    run.log_tags(_links(store, ensemble))
    run.log_tags({"trashseg.data.val": ensemble.provenance.get("data", "")})
    run.log_tags({"mlflow.note.content": describe(ensemble, {name: _link(store, name) for name in _members(ensemble)})})
    _bring_scores(run, ensemble, digest, moment)
    _attach(run, folder, ensemble)
    run.log_tags({"trashseg.model_version": register_model(store, run)})
    run.end("FINISHED", moment)
    run.remember(ENSEMBLE_RUN, digest)


def _bring_scores(run: TrackedRun, ensemble: Ensemble, digest: str, moment: float) -> None:
    """The ensemble's scores; and what was tried on the way to it, each as one step."""
    if run.has("scores", digest):
        return
    values = {"val_miou": ensemble.val_miou, "val_miou_crossfit": ensemble.val_miou_crossfit}
    values |= dict(zip(("val_miou_low", "val_miou_high"), ensemble.val_interval, strict=False))
    values |= dict(zip(("expected_test_miou_low", "expected_test_miou_high"), ensemble.test_interval, strict=False))
    run.log_metrics(values, moment)
    for number, row in enumerate(ensemble.evidence, 1):
        tried = {f"step_{name}": row[name] for name in ("val_miou", "held_out") if row.get(name) is not None}
        if tried:
            run.log_metrics(tried, moment, number)
    for number, step in enumerate(ensemble.steps, 1):
        run.log_metrics({"greedy_val_miou": step["val_miou"]}, moment, number)
    run.remember("scores", digest)


def _attach(run: TrackedRun, folder: Path, ensemble: Ensemble) -> None:
    """The description, members and steps as tables, pictures of classes and of photos."""
    with tempfile.TemporaryDirectory() as name:
        members, evidence = Path(name) / "members.json", Path(name) / "evidence.json"
        rows = [[one.trial_id, one.weight, one.tta, one.image_size] for one in ensemble.members]
        write_table(members, ["trial", "weight", "tta", "image_size"], rows)
        columns = _columns(ensemble)
        write_table(evidence, columns, [[row.get(column) for column in columns] for row in ensemble.evidence])
        files = {DESCRIPTION: folder / "ensemble" / DESCRIPTION}
        run.attach("description", files, {members.name: members, evidence.name: evidence})
        if (folder / "ensemble" / CONFUSIONS).is_file():
            scored, title = read_confusions(folder / "ensemble"), f"ensemble of {len(ensemble.members)}"
            drawn = [
                draw_confusion(scored, Path(name) / "confusion.png", f"{title}: val, each row is 100 %"),
                draw_class_ious(scored, Path(name) / "class_iou.png", f"{title}: IoU per class, in-sample"),
            ]
            run.attach("pictures", {path.name: path for path in drawn}, folder="pictures")


def _attach_overlays(run: TrackedRun, folder: Path, built: float) -> None:
    """The panels of photos, unless they are older than the ensemble: then they show another one."""
    panels = folder / "overlays"
    if panels.is_dir() and panels.stat().st_mtime >= built:
        run.attach("overlays", {path.name: path for path in sorted(panels.glob("*.png"))}, folder="overlays")


def _members(ensemble: Ensemble) -> list[str]:
    """Keys of the trials that are in; a soup's name joins those of its trials."""
    return [member.trial_id for member in ensemble.members]


def _links(store: Store, ensemble: Ensemble) -> dict[str, str]:
    found = {name: known_model(store, name) for name in _members(ensemble)}
    return {key(f"{MEMBER_TAG}.{name}"): run.id for name, run in found.items() if run is not None}


def _link(store: Store, name: str) -> str:
    run = known_model(store, name)
    return name if run is None else f"[{name}]({store.address(run)})"


def _tta(ensemble: Ensemble) -> str:
    return ", ".join(sorted({member.tta for member in ensemble.members}))


def _columns(ensemble: Ensemble) -> list[str]:
    return list(dict.fromkeys(name for row in ensemble.evidence for name in row))


def describe(ensemble: Ensemble, links: dict[str, str]) -> str:
    """Who is in, and what each step gained, as Markdown.

    Args:
        links: what stands for a trial.
    """
    lines = ["| member | weight | TTA |", "| --- | --- | --- |"]
    lines += [f"| {links.get(one.trial_id, one.trial_id)} | {one.weight:.3f} | {one.tta} |" for one in ensemble.members]
    columns = _columns(ensemble)
    if columns:
        lines += ["", f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    lines += [f"| {' | '.join(_cell(row.get(column)) for column in columns)} |" for row in ensemble.evidence]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else html.escape(str(value), quote=False).replace("|", "\\|")
