"""A data folder of photos that an ensemble labelled, marked as what it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trashseg_core.data.cache import usable_photos
from trashseg_core.data.cache_store import Progress
from trashseg_core.data.coco import Annotation, Photo
from trashseg_core.data.coco_writing import write_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import IGNORED, paint
from trashseg_core.data.near_duplicates import find_near_duplicates, thumbnail
from trashseg_core.data.photos import read_photo
from trashseg_core.ensemble.bundle import DESCRIPTION, held_out_from_val, load_ensemble, read_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.files import atomic_folder, file_digest, read_json
from trashseg_core.importers.writing import run_lengths
from trashseg_core.inference.ensemble_predict import predict_photos
from trashseg_core.inference.predict_files import find_photos
from trashseg_core.pseudo.thresholds import choose_balanced, class_thresholds, trusted


@dataclass(frozen=True)
class Labelled:
    """What was done."""

    num_photos: int
    """Photos that were looked at."""
    num_known: int
    """Of these, photos that are labelled already, or copies of such: they are left out."""
    num_chosen: int
    thresholds: list[float]
    """By label; above 1 where a class is never trusted."""


def label_photos(
    ensemble_dir: Path,
    data: DataFolder,
    images: Path,
    out: Path,
    count: int,
    precision: float = 0.9,
    progress: Progress | None = None,
) -> Labelled:
    """Write a data folder, `train.json` and the photos, of what an ensemble is sure of on photos without labels.

    How sure it has to be of each class is measured on val, with the members that val was held out of. Pixels below
    that are written as crowd regions, which are ignored. Photos that train or val hold too, as they are or as
    copies, are left out: val is never trained on, not even with labels of the ensemble's own.

    Args:
        images: folder of photos, a single one, or a COCO file.
        out: a new folder, written atomically.
        count: most photos to choose, class by class.
        precision: wanted share of right pixels of each class.

    Raises:
        BadInput: the ensemble or a photo cannot be used, or nothing is trusted.
    """
    ensemble = read_ensemble(ensemble_dir)
    num_classes, most = len(ensemble.class_names), data.max_megapixels
    blind = load_ensemble(ensemble_dir, held_out_from_val(ensemble))
    val = data.read("val")
    val = replace(val, photos=usable_photos(data, val))
    labels_of, _ = data.labels(val)
    places = [(data.photo_path(photo), (photo.height, photo.width)) for photo in val.photos]

    def on_val() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for photo, said in zip(val.photos, predict_photos(blind, places, most, True), strict=True):
            assert said.probabilities is not None
            truth = paint(val.annotations[photo.id], labels_of, photo.height, photo.width)
            yield truth, said.labels, said.probabilities.max(axis=0)

    thresholds = class_thresholds(on_val(), num_classes, precision)
    photos = find_photos(images, out)
    places_there, names = [place for place, _ in photos], [str(name) for _, name in photos]
    pixels, looks = np.zeros((len(photos), num_classes), np.int64), []
    with atomic_folder(out) as folder:
        predicted = predict_photos(load_ensemble(ensemble_dir, ensemble), places_there, most, True)
        for number, said in enumerate(predicted):
            assert said.probabilities is not None
            sure = trusted(said.labels, said.probabilities.max(axis=0), thresholds)
            pixels[number] = np.bincount(sure.ravel(), minlength=256)[:num_classes]
            looks.append(thumbnail(said.rgb))
            for kind, array in (("photos", said.rgb), ("labels", sure)):
                path = folder / kind / f"{names[number]}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(path)
            if progress:
                progress(number + 1, len(photos))
        known = _known(data, looks)
        pixels[sorted(known)] = 0
        chosen = choose_balanced(pixels, count)
        if not chosen:
            raise BadInput(
                f"{images}: the ensemble is sure of no object on any new photo. Lower `--precision`, or train longer."
            )
        provenance = {
            "pseudo_labels": True,
            "search": ensemble.provenance.get("search"),
            **asked(ensemble_dir, images, count, precision),
            "thresholds": dict(zip(ensemble.class_names, thresholds.tolist(), strict=True)),
        }
        categories = {label: number for number, label in ((int(one), two) for one, two in ensemble.categories.items())}
        entries = [_entry(folder, names[number], categories) for number in chosen]
        write_split(folder / "train.json", entries, val.categories, provenance)
        for number in set(range(len(photos))) - set(chosen):
            for kind in ("photos", "labels"):
                (folder / kind / f"{names[number]}.png").unlink()
    return Labelled(len(photos), len(known), len(chosen), thresholds.tolist())


def asked(ensemble_dir: Path, images: Path, count: int, precision: float) -> dict[str, Any]:
    """What decides which photos are labelled and how, as the provenance says it."""
    chosen = {"images": str(images.absolute()), "count": count, "precision": precision}
    return {"ensemble": file_digest(ensemble_dir / DESCRIPTION), **chosen}


def check_same(out: Path, ensemble_dir: Path, images: Path, count: int, precision: float) -> None:
    """Refuse pseudo-labels that are there already but were asked for otherwise.

    Raises:
        BadInput: naming what differs.
    """
    info = read_json(out / "train.json").get("info", {})
    for name, value in asked(ensemble_dir, images, count, precision).items():
        if info.get(name) != value:
            raise BadInput(
                f"{out}: labelled with another `{name}`, {info.get(name)!r}, than {value!r}. "
                "Ask for the same, or remove that folder and the second search."
            )


def _known(data: DataFolder, looks: Sequence[np.ndarray]) -> set[int]:
    """Numbers of the photos that train or val hold too, as they are or as copies."""
    labelled = [
        thumbnail(read_photo(data.photo_path(photo), (photo.height, photo.width), data.max_megapixels))
        for name in ("train", "val")
        for photo in usable_photos(data, data.read(name))
    ]
    parts = [0] * len(looks) + [1] * len(labelled)
    return {pair.one for pair in find_near_duplicates([*looks, *labelled], parts=parts)}


def _entry(folder: Path, name: str, categories: dict[int, int]) -> tuple[Photo, list[Annotation]]:
    """A photo and its label map as one region for each class; what is ignored is a crowd region."""
    sure = np.asarray(Image.open(folder / "labels" / f"{name}.png"))
    annotations = []
    for label in np.unique(sure[sure > 0]).tolist():
        mask = sure == label
        crowd = label == IGNORED
        category: Any = categories[label] if not crowd else next(iter(categories.values()))
        annotations.append(Annotation(0, category, run_lengths(mask), crowd, float(mask.sum())))
    return Photo(0, f"photos/{name}.png", *sure.shape), annotations
