"""What people look at on a trial's run: its confusion matrix, its classes, its learning curves."""

import tempfile
from pathlib import Path

from experiments.journal import TrialRecord
from experiments.pictures.class_iou_picture import draw_class_ious
from experiments.pictures.confusion_picture import draw_confusion
from experiments.pictures.curves_picture import draw_curves
from experiments.policy.rungs import milestones
from experiments.results import result_of
from experiments.settings import SearchSettings
from experiments.tracking.tracked_run import TrackedRun, digest_of
from trashseg_core.checkpoint import CONFUSIONS, read_confusions

FOLDER = "pictures"


def attach_pictures(run: TrackedRun, record: TrialRecord, settings: SearchSettings) -> None:
    """Draw and upload the pictures, unless those that are there are of the same epochs and matrices."""
    result = result_of(record, settings.objective, settings.folder)
    scored_in = None if result.checkpoint is None else settings.folder / result.checkpoint / CONFUSIONS
    has_matrices = scored_in is not None and scored_in.is_file()
    stamp = digest_of(str(sorted(record.epochs)), *([scored_in] if scored_in is not None and has_matrices else []))
    if not record.epochs or run.has(FOLDER, stamp):
        return
    rungs = milestones(settings.epochs, settings.first_rung, settings.reduction_factor)
    passed = tuple(rung for rung in rungs if rung <= max(record.epochs))
    with tempfile.TemporaryDirectory() as name:
        drawn = [draw_curves(record.epochs, Path(name) / "curves.png", f"{record.key}: learning curves", passed)]
        if scored_in is not None and has_matrices:
            scored, title = read_confusions(scored_in.parent), f"{record.key}, epoch {result.best_epoch}"
            drawn.append(draw_confusion(scored, Path(name) / "confusion.png", f"{title}: val, each row is 100 %"))
            drawn.append(draw_class_ious(scored, Path(name) / "class_iou.png", f"{title}: IoU per class"))
        run.attach(f"{FOLDER}.files", {path.name: path for path in drawn}, folder=FOLDER)
    run.remember(FOLDER, stamp)
