"""A data folder of photos that an ensemble labelled, marked as what it is. A killed labelling goes on where it was."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trashseg_core.data.cache import usable_photos
from trashseg_core.data.cache_store import Progress
from trashseg_core.data.coco import Annotation, Photo, Split
from trashseg_core.data.coco_writing import write_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import IGNORED, paint
from trashseg_core.data.near_duplicates import find_near_duplicates, thumbnail
from trashseg_core.data.photos import read_photo
from trashseg_core.disk.files import atomic_bytes, commit_folder, file_digest, read_json, write_json
from trashseg_core.ensemble.bundle import DESCRIPTION, Ensemble, held_out_from_val, read_ensemble
from trashseg_core.ensemble.loading import load_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.importers.writing import run_lengths
from trashseg_core.inference.ensemble_predict import Place, predict_photos
from trashseg_core.inference.predict_files import find_photos
from trashseg_core.pseudo.thresholds import choose_balanced, class_thresholds, trusted

PHOTOS, LABELS = "photos", "labels"
ASKED, THRESHOLDS = "asked.json", "thresholds.json"
"""Of a folder that is being made."""
Watch = Callable[[str], Progress]
"""Begins the progress of a step that it is told the name of."""


@dataclass(frozen=True)
class Wish:
    """What is to be labelled, by whom and how."""

    ensemble_dir: Path
    images: Path
    """Folder of photos, a single one, or a COCO file."""
    count: int
    """Most photos to choose, class by class."""
    precision: float = 0.9
    """Wanted share of right pixels of each class."""

    @property
    def asked(self) -> dict[str, Any]:
        """What decides which photos are labelled and how, as the provenance says it."""
        chosen = {"images": str(self.images.absolute()), "count": self.count, "precision": self.precision}
        return {"ensemble": file_digest(self.ensemble_dir / DESCRIPTION), **chosen}


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
    wish: Wish, data: DataFolder, out: Path, watch: Watch = lambda _: lambda done, total: None
) -> Labelled | None:
    """Write a data folder, `train.json` and the photos, of what an ensemble is sure of on photos without labels.

    How sure it has to be of each class is measured on val, with the members that val was held out of. With folds these
    label the photos too: the others learned from val, and so would whoever learns from their labels. Pixels below
    that are written as crowd regions, which are ignored. Photos that train or val hold too, as they are or as
    copies, are left out: val is never trained on, not even with labels of the ensemble's own.

    The folder is made under another name beside `out`; label maps that a killed start left there stand.

    Args:
        out: the folder; one that is there already is held against the wish.

    Returns:
        What was done; None where all of it had been done before.

    Raises:
        BadInput: the ensemble or a photo cannot be used, nothing is trusted, or `out` was asked for otherwise.
    """
    if out.is_dir():
        check_same(out, wish)
        return None
    ensemble, val = held_out_from_val(read_ensemble(wish.ensemble_dir)), data.read("val")
    val = replace(val, photos=usable_photos(data, val))
    work = _begin(out, wish)
    thresholds = _thresholds(work, wish, ensemble, data, val, watch)
    photos = find_photos(wish.images, work, data)
    names = [str(name) for _, name in photos]
    _label(work, wish, ensemble, thresholds, photos, data.max_megapixels, watch)
    known = _known(data, [thumbnail(np.asarray(Image.open(work / PHOTOS / f"{name}.png"))) for name in names])
    pixels = np.array([_count(work / LABELS / f"{name}.png", len(ensemble.class_names)) for name in names])
    pixels[sorted(known)] = 0
    chosen = choose_balanced(pixels, wish.count)
    if not chosen:
        shutil.rmtree(work)
        raise BadInput(
            f"{wish.images}: the ensemble is sure of no object on any new photo. Lower `--precision`, or train longer."
        )
    provenance = {
        "pseudo_labels": True,
        "search": ensemble.provenance.get("search"),
        **wish.asked,
        "members": [member.trial_id for member in ensemble.members],
        "thresholds": dict(zip(ensemble.class_names, thresholds.tolist(), strict=True)),
    }
    categories = {label: number for number, label in ((int(one), two) for one, two in ensemble.categories.items())}
    entries = [_entry(work, names[number], categories) for number in chosen]
    write_split(work / "train.json", entries, val.categories, provenance)
    for number in set(range(len(photos))) - set(chosen):
        for kind in (LABELS, PHOTOS):  # in this order: without its label map, a photo is labelled again
            (work / kind / f"{names[number]}.png").unlink()
    for name in (ASKED, THRESHOLDS):
        (work / name).unlink()
    commit_folder(work, out)
    return Labelled(len(photos), len(known), len(chosen), thresholds.tolist())


def check_same(out: Path, wish: Wish) -> None:
    """Refuse pseudo-labels that are there already but were asked for otherwise.

    Raises:
        BadInput: naming what differs.
    """
    info = read_json(out / "train.json").get("info", {})
    for name, value in wish.asked.items():
        if info.get(name) != value:
            raise BadInput(
                f"{out}: labelled with another `{name}`, {info.get(name)!r}, than {value!r}. "
                "Ask for the same, or remove that folder and the second search."
            )


def _begin(out: Path, wish: Wish) -> Path:
    """The folder that is being made; what is in it of another wish is of no use."""
    work = out.with_name(f"{out.name}.partial")
    if work.is_dir() and not ((work / ASKED).is_file() and read_json(work / ASKED) == wish.asked):
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    write_json(work / ASKED, wish.asked)
    return work


def _thresholds(work: Path, wish: Wish, ensemble: Ensemble, data: DataFolder, val: Split, watch: Watch) -> np.ndarray:
    """Least probability of each class, float64 (C,), measured on val now or by an earlier start."""
    if (work / THRESHOLDS).is_file():
        return np.array(read_json(work / THRESHOLDS))
    labels_of, _ = data.labels(val)
    places = [(data.photo_path(photo), (photo.height, photo.width)) for photo in val.photos]
    show = watch("val photos looked at")

    def on_val() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        predicted = predict_photos(load_ensemble(wish.ensemble_dir, ensemble), places, data.max_megapixels, True)
        for done, (photo, said) in enumerate(zip(val.photos, predicted, strict=True), 1):
            assert said.probabilities is not None
            truth = paint(val.annotations[photo.id], labels_of, photo.height, photo.width)
            yield truth, said.labels, said.probabilities.max(axis=0)
            show(done, len(places))

    thresholds = class_thresholds(on_val(), len(ensemble.class_names), wish.precision)
    write_json(work / THRESHOLDS, thresholds.tolist())
    return thresholds


def _label(
    work: Path,
    wish: Wish,
    ensemble: Ensemble,
    thresholds: np.ndarray,
    photos: Sequence[tuple[Place, Path]],
    max_megapixels: float,
    watch: Watch,
) -> None:
    """Write photo and label map of every photo that has none, the label map last: it says that the photo is done."""
    left = [(place, name) for place, name in photos if not (work / LABELS / f"{name}.png").is_file()]
    if not left:
        return
    there = len(photos) - len(left)
    show = watch(f"photos labelled{f', beside {there} that were' if there else ''}")
    loaded = load_ensemble(wish.ensemble_dir, ensemble)
    predicted = predict_photos(loaded, [place for place, _ in left], max_megapixels, True)
    for done, ((_, name), said) in enumerate(zip(left, predicted, strict=True), 1):
        assert said.probabilities is not None
        sure = trusted(said.labels, said.probabilities.max(axis=0), thresholds)
        for kind, array in ((PHOTOS, said.rgb), (LABELS, sure)):
            _save(work / kind / f"{name}.png", array)
        show(done, len(left))


def _save(path: Path, array: np.ndarray) -> None:
    """Write a picture that is whole under its name, whenever the process or the machine ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_bytes(path) as stream:
        Image.fromarray(array).save(stream, format="PNG")


def _count(path: Path, num_classes: int) -> np.ndarray:
    """Trusted pixels of each class in a label map, int64 (C,)."""
    return np.bincount(np.asarray(Image.open(path)).ravel(), minlength=256)[:num_classes]


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
    sure = np.asarray(Image.open(folder / LABELS / f"{name}.png"))
    annotations = []
    for label in np.unique(sure[sure > 0]).tolist():
        mask = sure == label
        crowd = label == IGNORED
        category: Any = categories[label] if not crowd else next(iter(categories.values()))
        annotations.append(Annotation(0, category, run_lengths(mask), crowd, float(mask.sum())))
    return Photo(0, f"{PHOTOS}/{name}.png", *sure.shape), annotations
