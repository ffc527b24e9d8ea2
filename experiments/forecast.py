"""The forecast of a search: how its leaderboard may shake up, kept in `stability.json`."""

from pathlib import Path
from typing import Any

import numpy as np

from experiments.results import read_results
from trashseg_core.bootstrap import miou_interval
from trashseg_core.checkpoint import Confusions, read_confusions
from trashseg_core.confusion import miou
from trashseg_core.data.folder import DataFolder
from trashseg_core.disk.files import write_json
from trashseg_core.ensemble.bundle import HELD_OUT
from trashseg_core.errors import BadInput
from trashseg_core.stability.forecast import foretell

FILE = "stability.json"
MAX_TRIALS = 30
ENSEMBLE = "ensemble"
"""Name of the ensemble among the models; it stands there with its held-out scores."""


def forecast_run(folder: Path, data: DataFolder | None, test_size: int | None = None) -> dict[str, Any]:
    """Foretell the shake-up of a search's best trials and its ensemble: the document for `stability.json`.

    Args:
        folder: the run folder.
        data: tells the size of the test set and the number of training objects, as far as its files are there.
        test_size: photos of the test set, where it is another one.

    Returns:
        `Stability.to_json()`, and `left_out`, the models that are not on the leaderboard (`contenders`).

    Raises:
        BadInput: no trial left its confusion matrices.
    """
    known = read_models(folder)
    models = contenders(known)
    first = next(iter(models.values()))
    confusions = {name: one.per_image for name, one in models.items()}
    size = test_size or count_test_photos(data)
    told = foretell(confusions, first.class_names, size, _count_objects(data, first.class_names))
    return {**told.to_json(), "left_out": [name for name in known if name not in models]}


def write_forecast(folder: Path, data: DataFolder | None) -> None:
    """Write `stability.json` of a run folder; nothing where the checkpoints were deleted."""
    try:
        document = forecast_run(folder, data)
    except BadInput:
        return
    write_json(folder / FILE, document)


def contenders(models: dict[str, Confusions]) -> dict[str, Confusions]:
    """The models that may be the best one: their score is within the interval of the highest.

    Nobody hands in the others, many of which were stopped early; and true scores are drawn towards those of the other
    models, which only says something among models of a kind.
    """
    scores = {name: float(miou(one.per_image.sum(axis=0))) for name, one in models.items()}
    least, _ = miou_interval(models[max(scores, key=lambda name: scores[name])].per_image)
    return {name: one for name, one in models.items() if not scores[name] < least}


def read_models(folder: Path) -> dict[str, Confusions]:
    """What the best trials scored on val, best first, and the ensemble held out.

    Raises:
        BadInput: there is no trial with confusion matrices.
    """
    models: dict[str, Confusions] = {}
    for result in read_results(folder / "results.json"):
        if result.checkpoint and result.status != "failed" and len(models) < MAX_TRIALS:
            _add(models, result.trial_id, folder / result.checkpoint)
    if not models:
        raise BadInput(f"{folder}: no trial left confusion matrices. Run the search first, or `resume` it.")
    _add(models, ENSEMBLE, folder / "ensemble" / HELD_OUT)
    return models


def _add(models: dict[str, Confusions], name: str, checkpoint: Path) -> None:
    """Read a model's matrices; one whose checkpoint gave way, or that was scored on other photos, is left out."""
    try:
        scored = read_confusions(checkpoint)
    except BadInput:
        return
    known = next(iter(models.values()), scored)
    shared = scored.of(known.file_names)  # an ensemble of folds was scored on the photos of train too
    if shared is not None and shared.any() and scored.class_names == known.class_names:
        models[name] = Confusions(shared, known.file_names, known.class_names)


def count_test_photos(data: DataFolder | None) -> int | None:
    """Photos of the test set; None where its file cannot be used."""
    try:
        return None if data is None else len(data.read("test").photos)
    except BadInput:
        return None


def _count_objects(data: DataFolder | None, class_names: list[str]) -> np.ndarray | None:
    """Training objects of each class, the background 0; None where the file cannot be used or has other classes."""
    try:
        split = None if data is None else data.read("train")
    except BadInput:
        return None
    if data is None or split is None:
        return None
    labels, names = data.labels(split)
    found = [labels[one.category_id] for objects in split.annotations.values() for one in objects if not one.iscrowd]
    return np.bincount(found, minlength=len(names)) * (np.arange(len(names)) > 0) if names == class_names else None
