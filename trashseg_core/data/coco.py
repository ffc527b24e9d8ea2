"""A COCO annotation file: reading it, with every entry checked."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trashseg_core.data.json_document import read_document, shown
from trashseg_core.data.segmentations import segmentation_fault
from trashseg_core.errors import BadInput

MAX_SIDE_PX = 100_000
MAX_CLASSES = 254
MAX_JSON_MB = 512
MAX_NAME = 200
"""Characters of a category name: MLflow takes 250 for the name of a metric."""
CONTROL_CHARACTERS = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"


@dataclass(frozen=True)
class Photo:
    """One entry of `images`; `file_name` is relative to the data folder."""

    id: int
    file_name: str
    height: int
    width: int


@dataclass(frozen=True)
class Annotation:
    """One entry of `annotations`; `area` is None where the file gives none."""

    image_id: int
    category_id: int
    segmentation: Any
    iscrowd: bool
    area: float | None


@dataclass
class Finding:
    """Something in a file that keeps it from being used; `skippable` ones fall to `--skip-bad`."""

    where: str
    message: str
    skippable: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass
class Split:
    """A checked annotation file: its photos, the annotations of each, and the category table."""

    path: Path
    photos: list[Photo]
    annotations: dict[int, list[Annotation]]
    categories: dict[int, str]
    findings: list[Finding] = field(default_factory=list)


def read_split(path: Path, needs_annotations: bool = True, max_json_mb: int = MAX_JSON_MB) -> Split:
    """Read an annotation file and check every entry before any decoder sees it.

    Entries that `--skip-bad` may drop are left out and listed in `findings`.

    Args:
        needs_annotations: False for a test set, whose `annotations` may be missing and are not read.
        max_json_mb: larger files (in 10^6 bytes) are refused before they are read.

    Raises:
        BadInput: the file as a whole cannot be used; the message names the file and the JSON pointer.
    """
    document = read_document(path, max_json_mb)
    split = Split(path, [], {}, _read_categories(path, document))
    doubles = _read_photos(split, _list_of(path, document, "images"))
    if needs_annotations:
        _read_annotations(split, _list_of(path, document, "annotations"), doubles)
    return split


def label_table(categories: Mapping[int, str], background: str | None = None) -> tuple[dict[int, int], list[str]]:
    """Map category ids to labels: 1..C in ascending order of the ids; 0 is the implicit background.

    Args:
        background: name of the category that is the background itself; it maps to 0.

    Returns:
        Label of each category id, and the class names by label ("Background" first).

    Raises:
        BadInput: a category is called Background without being named by `background`, or that name is unknown.
    """
    names = set(categories.values())
    if background is not None and background not in names:
        raise BadInput(
            f"`--background-category {background}` is not a category. Categories: {', '.join(sorted(names))}."
        )
    labels: dict[int, int] = {}
    class_names = ["Background"]
    for category_id in sorted(categories):
        name = categories[category_id]
        if name == background:
            labels[category_id] = 0
        elif name.strip().lower() == "background":
            raise BadInput(
                f"Category {category_id} is called {name!r}, but class 0 is the background already. "
                f"Add `--background-category {name}` to make it class 0, or rename it."
            )
        else:
            labels[category_id] = len(class_names)
            class_names.append(name)
    return labels, class_names


def _list_of(path: Path, document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    if not isinstance(value, list):
        given = "missing" if key not in document else f"a {type(value).__name__}"
        raise BadInput(f"{path}: /{key} is {given}, but must be a list.")
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise BadInput(f"{path}: /{key}/{index} is a {type(entry).__name__}, but must be an object.")
    return value


def _integer(path: Path, pointer: str, entry: dict[str, Any], key: str, low: int, high: int) -> int:
    value = entry.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        given = "missing" if key not in entry else shown(value)
        raise BadInput(f"{path}: {pointer}/{key} is {given}, but must be an integer from {low} to {high}.")
    return value


def _read_categories(path: Path, document: dict[str, Any]) -> dict[int, str]:
    categories: dict[int, str] = {}
    entries = _list_of(path, document, "categories")
    if not 1 <= len(entries) <= MAX_CLASSES:
        raise BadInput(f"{path}: /categories has {len(entries)} entries, but must have 1 to {MAX_CLASSES}.")
    for index, entry in enumerate(entries):
        pointer = f"/categories/{index}"
        category_id = _integer(path, pointer, entry, "id", 0, 2**53)
        name = entry.get("name")
        if not isinstance(name, str) or not name.strip():
            raise BadInput(f"{path}: {pointer}/name is {shown(name)}, but must be a text.")
        if len(name) > MAX_NAME:
            raise BadInput(f"{path}: {pointer}/name has {len(name)} characters; at most {MAX_NAME} are allowed.")
        if fault := _text_fault(name):
            raise BadInput(f"{path}: {pointer}/name {shown(name)} {fault}. Rename the category.")
        if category_id in categories:
            raise BadInput(f"{path}: {pointer}/id {category_id} occurs twice. Give each category an id of its own.")
        if name in categories.values():
            raise BadInput(f"{path}: {pointer}/name {name!r} occurs twice. Give each category a name of its own.")
        categories[category_id] = name
    return categories


def _text_fault(name: str) -> str | None:
    """What keeps a name from being printed, written into a CSV and looked up on the disk."""
    if re.search(CONTROL_CHARACTERS, name):
        return "holds a control character"
    return "is no valid Unicode text" if re.search("[\ud800-\udfff]", name) else None


def _read_photos(split: Split, entries: list[dict[str, Any]]) -> dict[int, int]:
    """Read `images`; return, by id, the entries that list a photo once more and do not count."""
    if not entries:
        raise BadInput(f"{split.path}: /images is empty. A split needs at least one photo.")
    first: dict[int, int] = {}
    names: dict[str, int] = {}
    doubles: dict[int, int] = {}
    for index, entry in enumerate(entries):
        pointer = f"/images/{index}"
        photo_id = _integer(split.path, pointer, entry, "id", -(2**53), 2**53)
        if photo_id in first:
            raise BadInput(f"{split.path}: {pointer}/id {photo_id} is taken by /images/{first[photo_id]} already.")
        first[photo_id] = index
        name = entry.get("file_name")
        if not isinstance(name, str) or not name:
            given = shown(name)
            raise BadInput(f"{split.path}: {pointer}/file_name is {given}, but must be a path relative to the folder.")
        if fault := _text_fault(name):
            raise BadInput(f"{split.path}: {pointer}/file_name {shown(name)} {fault}. Rename the photo.")
        size = [_integer(split.path, pointer, entry, key, 1, MAX_SIDE_PX) for key in ("height", "width")]
        place = os.path.normpath(name)
        if place in names:
            message = f"{name} is listed by /images/{names[place]} already. Take one entry out."
            split.findings.append(Finding(f"{split.path} {pointer}", message))
            doubles[photo_id] = index
            continue
        names[place] = index
        split.photos.append(Photo(photo_id, name, size[0], size[1]))
        split.annotations[photo_id] = []
    return doubles


def _read_annotations(split: Split, entries: list[dict[str, Any]], doubles: Mapping[int, int]) -> None:
    photos = {photo.id: photo for photo in split.photos}
    for index, entry in enumerate(entries):
        pointer = f"/annotations/{index}"
        where = f"{split.path} {pointer}"
        photo_id = _integer(split.path, pointer, entry, "image_id", -(2**53), 2**53)
        category_id = _integer(split.path, pointer, entry, "category_id", -(2**53), 2**53)
        if category_id not in split.categories:
            raise BadInput(f"{where}/category_id is {category_id}, but /categories does not list it.")
        area = entry.get("area")
        if area is not None and (
            isinstance(area, bool) or not isinstance(area, int | float) or not abs(area) <= sys.float_info.max
        ):
            raise BadInput(f"{where}/area is {shown(area)}, but must be a number: it decides the paint order.")
        crowd = entry.get("iscrowd", 0)
        if isinstance(crowd, bool) or crowd not in (0, 1):
            raise BadInput(f"{where}/iscrowd is {shown(crowd)}, but must be 0 or 1.")
        photo = photos.get(photo_id)
        if photo is None:
            listed = f"belongs to /images/{doubles[photo_id]}" if photo_id in doubles else "is not in /images"
            split.findings.append(Finding(where, f"image_id {photo_id} {listed}."))
            continue
        fault = segmentation_fault(entry.get("segmentation"), photo.height, photo.width)
        if fault:
            split.findings.append(Finding(where, f"{fault} ({photo.file_name})."))
            continue
        split.annotations[photo_id].append(
            Annotation(photo_id, category_id, entry["segmentation"], bool(crowd), None if area is None else float(area))
        )
