"""The folder that an import writes: photos, train.json, val.json, test.json, and what was left out."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from trashseg_core import __version__
from trashseg_core.data.coco import Annotation
from trashseg_core.disk.files import atomic_folder, write_text
from trashseg_core.errors import BadInput
from trashseg_core.importers.options import ImportOptions

SPLITS = ("train", "val", "test")
LeftOut = dict[str, list[str]]
"""What was left out: names of the photos or annotations concerned, by reason."""


@dataclass
class ImportedPhoto:
    """One photo as it lies in the new folder; a category id is a label, 1..C."""

    file_name: str
    """Relative to the new folder."""
    height: int
    width: int
    annotations: list[Annotation]
    digest: str
    """Hash of the file."""
    kin: tuple[str, ...] = ()
    """Photos that share one of these keys are never dealt to different splits."""
    split: str | None = None
    """Split that the source gives, if it gives any."""


@dataclass
class ImportReport:
    """What an import wrote and what it left out."""

    class_names: list[str]
    """By label; the first is the background."""
    photos: dict[str, int]
    """Photos of each split."""
    class_photos: dict[str, list[int]]
    """Photos that show each class, by split and label; ignored regions do not count."""
    class_annotations: dict[str, list[int]]
    left_out: LeftOut = field(default_factory=lambda: defaultdict(list))
    own_splits: list[str] = field(default_factory=list)
    """Splits of the source itself; they are kept."""
    idle_flags: list[str] = field(default_factory=list)
    """Flags of the deal that were given in vain, as the source has splits of its own."""


@contextmanager
def new_folder(out: Path, *sources: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `out` only when the block ends without an error.

    Args:
        sources: folders that are only read.

    Raises:
        BadInput: `out` holds something already, lies inside a source, or cannot be written.
    """
    target = out.resolve()
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise BadInput(f"{out} is there already, but must be a new name or an empty folder. Name another folder.")
    for source in sources:
        if target.is_relative_to(source.resolve()):
            raise BadInput(f"{out} lies inside {source}, which is only read. Name a folder elsewhere.")
    parent = next(folder for folder in target.parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise BadInput(f"{out}: nothing can be written into {parent}. Name a folder elsewhere.")
    with atomic_folder(target) as folder:
        yield folder


def write_splits(
    folder: Path,
    class_names: Sequence[str],
    splits: dict[str, list[ImportedPhoto]],
    origin: str,
    options: ImportOptions,
) -> ImportReport:
    """Write one COCO file per split, and take photos away that no split holds.

    Ids of photos and annotations are new and count from 0 in each file.

    Args:
        class_names: by label; the first is the background, which is no category.
        splits: photos of each split that gets a file.
        origin: where the set comes from; kept under `info` with the shares and the seed, as far as they were used.
    """
    categories = [{"id": label, "name": name} for label, name in enumerate(class_names) if label]
    own = [name for name in SPLITS if any(photo.split == name for photos in splits.values() for photo in photos)]
    flags = " ".join(f"{flag} {value:g}" for flag, value in options.deal(own).items())
    made = f"trashseg {__version__}, {flags or 'the splits of the source'}"
    report = ImportReport(list(class_names), {}, {}, {}, own_splits=own, idle_flags=options.idle(own))
    for split, photos in splits.items():
        document: dict[str, Any] = {"info": {"description": f"{origin}; {made}"}, "categories": categories}
        document["images"] = [
            {"id": number, "file_name": photo.file_name, "width": photo.width, "height": photo.height}
            for number, photo in enumerate(photos)
        ]
        entries = [(number, annotation) for number, photo in enumerate(photos) for annotation in photo.annotations]
        document["annotations"] = [
            _annotation_entry(number, image_id, annotation) for number, (image_id, annotation) in enumerate(entries)
        ]
        text = json.dumps(document, separators=(",", ":"), allow_nan=False)
        write_text(folder / f"{split}.json", text + "\n")
        present = presence(photos, len(class_names))
        labels = [annotation.category_id for _, annotation in entries if not annotation.iscrowd]
        report.photos[split] = len(photos)
        report.class_photos[split] = present.sum(axis=0).tolist()
        report.class_annotations[split] = np.bincount(labels, minlength=len(class_names)).tolist()
    listed = {folder / photo.file_name for photos in splits.values() for photo in photos}
    for path in (folder / "images").rglob("*"):
        if path.is_file() and path not in listed:
            path.unlink()
    return report


def presence(photos: Sequence[ImportedPhoto], num_classes: int) -> np.ndarray:
    """Which classes each photo shows.

    Args:
        num_classes: the background included.

    Returns:
        bool (N, num_classes); ignored regions do not count.
    """
    present = np.zeros((len(photos), num_classes), bool)
    for row, photo in enumerate(photos):
        present[row, [annotation.category_id for annotation in photo.annotations if not annotation.iscrowd]] = True
    return present


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """COCO's compressed RLE of a mask, bool (height, width)."""
    runs = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": runs["counts"].decode("ascii")}


def _annotation_entry(number: int, image_id: int, annotation: Annotation) -> dict[str, Any]:
    entry = {
        "id": number,
        "image_id": image_id,
        "category_id": annotation.category_id,
        "segmentation": annotation.segmentation,
        "bbox": _bounding_box(annotation.segmentation),
        "iscrowd": int(annotation.iscrowd),
    }
    return entry if annotation.area is None else {**entry, "area": annotation.area}


def _bounding_box(segmentation: Any) -> list[float]:
    """Left, top, width and height in px of a list of polygons or a compressed RLE."""
    if isinstance(segmentation, dict):
        runs = {"size": segmentation["size"], "counts": segmentation["counts"].encode("ascii")}
        return [float(value) for value in coco_mask.toBbox(runs)]
    points = np.concatenate([np.reshape(polygon, (-1, 2)) for polygon in segmentation])
    low, high = points.min(axis=0), points.max(axis=0)
    return [float(value) for value in np.round([*low, *(high - low)], 2)]
