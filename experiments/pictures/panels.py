"""Panels: pictures of what an ensemble gets right and wrong on val."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from trashseg_core.confusion import count_confusion, iou, miou
from trashseg_core.data.cache import usable_photos
from trashseg_core.data.coco import Photo, Split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import paint
from trashseg_core.disk.files import atomic_folder
from trashseg_core.ensemble.bundle import held_out_from_val, read_ensemble
from trashseg_core.ensemble.loading import LoadedEnsemble, load_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.inference.ensemble_predict import predict_photos
from trashseg_core.inference.overlay import draw_panel


def write_panels(
    ensemble_dir: Path, folder: DataFolder, target: Path, count: int | None = None, confusions: np.ndarray | None = None
) -> list[Path]:
    """Draw photo, truth, prediction and errors of an informative few val photos; see `choose_photos`.

    Members that were trained on val, as those of other folds are, do not take part.

    Args:
        target: folder of the pictures, `NN_<photo>.png`; written atomically, an older one gives way.
        count: most photos to draw; by default six, and one for each class.
        confusions: int64 (N, C, C), the ensemble's matrices of all N usable val photos in file order. Where they are
            given, only the chosen photos are predicted; otherwise all are, to find them.

    Returns:
        The pictures, in the order of their names.

    Raises:
        BadInput: the ensemble or the data cannot be used, or they do not belong together.
    """
    ensemble, split = read_ensemble(ensemble_dir), folder.read("val")
    labels, class_names = folder.labels(split)
    if class_names != ensemble.class_names:
        raise BadInput(
            f"{ensemble_dir}: the ensemble knows the classes {', '.join(ensemble.class_names)}, but {split.path} has "
            f"{', '.join(class_names)}. Use the data that the search used."
        )
    loaded = load_ensemble(ensemble_dir, held_out_from_val(ensemble))
    split = replace(split, photos=usable_photos(folder, split))
    if confusions is None:
        confusions = _count_all(loaded, folder, split, labels, len(class_names))
    assert confusions.shape == (len(split.photos), len(class_names), len(class_names))
    scores = np.asarray(miou(confusions))
    chosen = choose_photos(confusions, class_names, count or 6 + len(class_names))
    photos = [split.photos[index] for index in chosen]
    names = []
    with atomic_folder(target) as temporary:
        predicted = predict_photos(loaded, [_place(folder, photo) for photo in photos], folder.max_megapixels)
        for number, ((index, reason), prediction) in enumerate(zip(chosen.items(), predicted, strict=True), 1):
            photo = split.photos[index]
            truth = paint(split.annotations[photo.id], labels, photo.height, photo.width)
            caption = f"{photo.file_name}  ·  mIoU {scores[index]:.3f}  ·  {reason}"
            names.append(_file_name(number, photo.file_name))
            panel = draw_panel(prediction.rgb, truth, prediction.labels, class_names, caption)
            Image.fromarray(panel).save(temporary / names[-1])
    return [target / name for name in names]


def choose_photos(confusions: np.ndarray, class_names: list[str], count: int) -> dict[int, str]:
    """Choose the photos that say most: the worst, the worst for each class, the best, and some with the rarest classes.

    The worst for a class is the photo that costs its IoU most: with the most pixels of it missed, or taken for it. The
    rarest classes, a third of the count, are those on the fewest photos; each is shown by the photo with most of it.
    The choice depends on the matrices alone. Photos without a pixel that counts are left out.

    Args:
        confusions: int64 (N, C, C), rows = truth.
        count: most photos to choose.

    Returns:
        Index of each photo and why it was chosen: worst first, then rare classes, then the best.
    """
    scores, pixels = np.asarray(miou(confusions)), confusions.sum(axis=2)
    order = [int(index) for index in np.argsort(scores, kind="stable") if not np.isnan(scores[index])]
    with_objects = [index for index in reversed(order) if pixels[index, 1:].any()]
    best = with_objects[: int(count > 1)]

    num_photos = (pixels > 0).sum(axis=0)
    present = [label for label in range(1, len(class_names)) if num_photos[label]]
    rarest = sorted(present, key=lambda label: int(num_photos[label]))[: count // 3]
    rare = _by_photo({label: int(pixels[:, label].argmax()) for label in rarest}, class_names)
    rare = {index: f"rare class: {names}" for index, names in rare.items()}

    costly = {index: f"worst for {names}" for index, names in _by_photo(_costliest(confusions), class_names).items()}
    free = [index for index in order if index not in rare and index not in best]
    ranked = dict.fromkeys([*free[:1], *(index for index in costly if index in free), *free])
    worst = list(ranked)[: max(0, count - len({*rare, *best}))]
    chosen = {index: costly.get(index, "among the worst") for index in worst}
    chosen |= {index: reason for index, reason in rare.items() if index not in best}
    return chosen | {index: ", ".join(["the best", *([rare[index]] if index in rare else [])]) for index in best}


def _costliest(confusions: np.ndarray) -> dict[int, int]:
    """The photo that costs each class of objects most, the class of the lowest IoU first; none for a flawless one."""
    overlap = np.diagonal(confusions, axis1=1, axis2=2)
    wrong = confusions.sum(axis=1) + confusions.sum(axis=2) - 2 * overlap
    ious = iou(confusions.sum(axis=0))
    labels = [label for label in range(1, confusions.shape[1]) if wrong[:, label].any()]
    return {label: int(wrong[:, label].argmax()) for label in sorted(labels, key=lambda one: float(ious[one]))}


def _by_photo(photos: dict[int, int], class_names: list[str]) -> dict[int, str]:
    """Names of the classes that a photo stands for, by photo."""
    names: dict[int, list[str]] = {}
    for label, index in photos.items():
        names.setdefault(index, []).append(class_names[label])
    return {index: ", ".join(one) for index, one in names.items()}


def _count_all(
    ensemble: LoadedEnsemble, folder: DataFolder, split: Split, labels: dict[int, int], num_classes: int
) -> np.ndarray:
    """Predict every val photo; return the per-image matrices, int64 (N, C, C)."""
    counted = np.zeros((len(split.photos), num_classes, num_classes), np.int64)
    predicted = predict_photos(ensemble, [_place(folder, photo) for photo in split.photos], folder.max_megapixels)
    for index, (photo, prediction) in enumerate(zip(split.photos, predicted, strict=True)):
        truth = paint(split.annotations[photo.id], labels, photo.height, photo.width)
        counted[index] = count_confusion(truth, prediction.labels, num_classes)
    return counted


def _place(folder: DataFolder, photo: Photo) -> tuple[Path, tuple[int, int] | None]:
    return folder.photo_path(photo), (photo.height, photo.width)


def _file_name(number: int, photo: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(photo).stem)[:60].strip("_") or "photo"
    return f"{number:02d}_{stem}.png"
