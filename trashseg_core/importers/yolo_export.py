"""What the text files of a YOLO segmentation export say: data.yaml and one label file per photo."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from trashseg_core.data.coco import MAX_CLASSES
from trashseg_core.errors import BadInput
from trashseg_core.importers.writing import SPLITS

FILES = ("data.yaml", "data.yml")
MAX_YAML_BYTES = 1_000_000
TOLERANCE = 0.01
"""How far, in picture sizes, a point may lie outside; exporters round."""


@dataclass(frozen=True)
class YoloExport:
    """The content of data.yaml, checked."""

    names: dict[int, str]
    """Class name by index; an index 0 is a class like any other."""
    folders: dict[str, list[Path]]
    """Photo folders of each split that is there."""
    absent: list[str]
    """Splits that data.yaml names without a folder of their own."""


def read_export(source: Path) -> YoloExport:
    """Read `data.yaml`: the class names, and the photo folders of `train`, `val` (or `valid`) and `test`.

    Folders are relative to the export. A leading `../` is dropped, as Ultralytics does, since Roboflow writes
    `../train/images` for `train/images`; `path` counts only where it names a folder inside the export.

    Raises:
        BadInput: the file is missing or says something else.
    """
    path = next((source / name for name in FILES if (source / name).is_file()), None)
    if path is None:
        raise BadInput(f"{source} holds no data.yaml. Name the folder of a YOLO segmentation export.")
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            raise BadInput(f"{path} is larger than {MAX_YAML_BYTES / 1e6:g} MB. Expected names and photo folders only.")
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))  # plain values only: it builds no objects
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise BadInput(f"{path}: cannot be read as YAML ({error}). Export the set again.") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path}: must hold `names:`, `train:` and `val:`, but is a {type(content).__name__}.")
    names = _names(path, content)
    root = source
    if isinstance(content.get("path"), str) and _is_inner(content["path"]):
        root = source / content["path"]
    folders: dict[str, list[Path]] = {}
    absent = []
    for split in SPLITS:
        given = content.get(split, content.get("valid") if split == "val" else None)
        if given in (None, "", []):
            continue
        found = [_folder(path, source, root, split, entry) for entry in (given if isinstance(given, list) else [given])]
        there = [folder for folder in found if folder is not None]
        if len(there) < len(found) and split == "train":
            raise BadInput(
                f"{path}: `train` is {_shown(given)}, but there is no such folder in {source}. Correct the line."
            )
        if not there or there == folders.get("train"):
            absent.append(f"{split}: {_shown(given)}")
        else:
            folders[split] = there
    if "train" not in folders:
        raise BadInput(f"{path}: `train` is missing. Add the photo folder, e.g. `train: train/images`.")
    return YoloExport(names, folders, absent)


def read_outlines(path: Path, names: dict[int, str]) -> list[tuple[int, np.ndarray]]:
    """Read a label file: lines `class x1 y1 x2 y2 x3 y3 …`, with coordinates from 0 to 1.

    Returns:
        Class index and outline, float (N, 2), of each line; points just outside are moved to the border.

    Raises:
        BadInput: a line is something else; the message names it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error}). Export the set again.") from None
    outlines = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        if len(words) == 5:
            raise BadInput(
                f"{path}: line {number} has 5 numbers: it is a box, not an outline. Boxes say nothing of the pixels; "
                "export the set as YOLO segmentation (polygons)."
            )
        try:
            index, values = int(words[0]), [float(word) for word in words[1:]]
        except ValueError:
            raise BadInput(f"{path}: line {number} holds something else than numbers ({line[:40]!r}).") from None
        if index not in names:
            raise BadInput(f"{path}: line {number} is of class {index}, but data.yaml names {_listed(names)}.")
        if len(values) < 6 or len(values) % 2:
            raise BadInput(
                f"{path}: line {number} has {len(words)} numbers, but must have a class and 3 or more points (x y). "
                "Export the set again."
            )
        if not all(math.isfinite(value) and -TOLERANCE <= value <= 1 + TOLERANCE for value in values):
            raise BadInput(f"{path}: line {number} has a coordinate outside 0 to 1. Export normalised coordinates.")
        outlines.append((index, np.clip(np.reshape(values, (-1, 2)), 0, 1)))
    return outlines


def _names(path: Path, content: dict[Any, Any]) -> dict[int, str]:
    given = content.get("names")
    entries = dict(enumerate(given)) if isinstance(given, list) else given
    if not isinstance(entries, dict) or not 1 <= len(entries) <= MAX_CLASSES:
        raise BadInput(f"{path}: `names` must list 1 to {MAX_CLASSES} class names, but is {_shown(given)}.")
    for index, name in entries.items():
        if type(index) is not int or index < 0 or not isinstance(name, str) or not name.strip():
            raise BadInput(f"{path}: `names` has the entry {_shown(index)}: {_shown(name)}. Put each name in quotes.")
    if len(set(entries.values())) < len(entries):
        raise BadInput(f"{path}: `names` has one name for two classes. Give each class a name of its own.")
    if content.get("nc", len(entries)) != len(entries):
        raise BadInput(
            f"{path}: `nc` is {_shown(content['nc'])}, but `names` lists {len(entries)} classes. Correct one."
        )
    return dict(sorted(entries.items()))


def _folder(path: Path, source: Path, root: Path, split: str, entry: Any) -> Path | None:
    """One photo folder of a split; None where there is no such folder."""
    if not isinstance(entry, str):
        raise BadInput(f"{path}: `{split}` is {_shown(entry)}, but must be a folder of photos inside {source}.")
    name = entry
    while name.startswith("../"):
        name = name[3:]
    if not _is_inner(name):
        raise BadInput(f"{path}: `{split}` is {entry!r}, which leads out of {source}. Use a folder inside it.")
    for base in (root, source):
        if (base / name).is_file():
            raise BadInput(f"{path}: `{split}` is {entry!r}, a file, but must be a folder of photos inside {source}.")
        if (base / name).is_dir():
            return base / name
    return None


def _is_inner(name: str) -> bool:
    """Whether a path of the export stays inside it by its words alone; links are looked at later."""
    return bool(name) and not (Path(name).is_absolute() or ".." in Path(name).parts or "://" in name or "\0" in name)


def _shown(value: Any) -> str:
    """A value of the file for a message; lists only by their kind, since YAML can write endless ones in a few lines."""
    return f"a {type(value).__name__}" if isinstance(value, list | dict | set | tuple) else repr(value)[:80]


def _listed(names: dict[int, str]) -> str:
    return ", ".join(f"{index} {name}" for index, name in list(names.items())[:8]) + (", …" if len(names) > 8 else "")
