"""Writes of data: imports, drawn photos, folds, caches, pictures; for `kinds_of_writes`."""

import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np

from experiments.folds.fold_files import FoldFiles, deal_folds
from experiments.pictures.augmix_sheet import write_augmix_sheet
from tests.tiny_sources import label_map, write_pairs, write_taco, write_yolo
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.sample_data import write_sample_data
from trashseg_core.importers.masks import import_masks
from trashseg_core.importers.options import ImportOptions
from trashseg_core.importers.taco import import_taco
from trashseg_core.importers.yolo import import_yolo


def sample(folder: Path) -> DataFolder:
    """The data that lie beside the watched folder."""
    return DataFolder(str(folder.parent / "data"))


def again(write: Callable[[Path], object]) -> Callable[[Path], object]:
    """An import refuses a folder that is there: whole, it is not written again."""
    return lambda folder: None if (folder / "out").exists() else write(folder)


def from_masks(folder: Path) -> None:
    """Import photos and label maps."""
    source = folder.parent / "masks"
    import_masks(source / "images", source / "labels", folder / "out", ImportOptions())


def from_yolo(folder: Path) -> None:
    """Import an export of YOLO."""
    import_yolo(folder.parent / "yolo", folder / "out", ImportOptions())


def from_taco(folder: Path) -> None:
    """Import TACO."""
    import_taco(folder.parent / "taco", folder / "out", ImportOptions(), size=64)


def write_sources(place: Path) -> None:
    """What the kinds read, beside the folders that they write."""
    square = "0 0.1 0.1 0.6 0.1 0.6 0.6 0.1 0.6"
    write_yolo(place / "yolo", {"train": {"a": square, "b": square}, "val": {"c": square}})
    write_taco(place / "taco")
    write_pairs(place / "masks" / "images", place / "masks" / "labels", {f"p{n}": label_map(n) for n in range(6)})


def cached(what: Callable[[DataFolder], object]) -> Callable[[Path], object]:
    """Something that goes into the cache, which is the watched folder here."""

    def write(folder: Path) -> None:
        usual = os.environ["TRASHSEG_CACHE"]
        os.environ["TRASHSEG_CACHE"] = str(folder)
        try:
            what(sample(folder))
        finally:
            os.environ["TRASHSEG_CACHE"] = usual

    return write


def draw_samples(folder: Path) -> None:
    """A folder of drawn photos, unless it is complete: then it is refused."""
    if not (folder / "train.json").exists():
        write_sample_data(folder, num_images=6, image_size=64)


def picture(folder: Path) -> None:
    """A contact sheet; drawing it takes long and writes nothing, so it is left out."""
    with patch("experiments.pictures.augmix_sheet.draw_augmix_sheet", lambda *_: np.zeros((99, 99, 3), np.uint8)):
        write_augmix_sheet(sample(folder), folder / "augmix.png", ("image_size=64",))


def deal(folder: Path) -> None:
    """Annotation files of three folds."""
    deal_folds(FoldFiles(folder, sample(folder), 3), 64, 0)
