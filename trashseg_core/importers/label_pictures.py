"""Label pictures: PNG files whose pixels are class indices or colours."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trashseg_core.data.coco import MAX_CLASSES
from trashseg_core.data.label_maps import IGNORED
from trashseg_core.data.photos import open_picture
from trashseg_core.errors import BadInput

VOID_NAMES = ("void", "unlabelled", "unlabeled", "ignore", "ignored")
COLOUR_LINE = r"\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\S.*)"


@dataclass(frozen=True)
class ClassList:
    """The classes of a set of label pictures."""

    names: tuple[str, ...]
    """By label; the first is the background."""
    colours: dict[int, int] | None = None
    """Label of each colour 65536 R + 256 G + B, 255 = ignored; None where pixels are class indices."""


def read_class_list(path: Path) -> ClassList:
    """Read a list of class names, or a colour table as CamVid's `label_colors.txt`.

    Names stand one per line: the first line is label 1, the next label 2, … unless the first line is `Background` (any
    case), which is label 0. In a colour table the lines are `R G B NAME`: labels are counted from 1 in the order of the
    lines, several colours may share a name, `Background` is label 0, and `Void`, `Unlabelled` or `Ignore` are ignored.

    Raises:
        BadInput: the file cannot be read, or a line does not fit; the message names it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as UTF-8 text ({error}). Give one class name per line.") from None
    if not lines:
        raise BadInput(f"{path}: the file is empty. Expected one class name per line, or lines `R G B NAME`.")
    found = [re.fullmatch(COLOUR_LINE, line) for line in lines]
    classes = _colour_table(path, lines) if found[0] else _name_list(path, lines)
    if not 2 <= len(classes.names) <= MAX_CLASSES + 1:
        raise BadInput(f"{path}: {len(classes.names) - 1} classes besides the background; allowed: 1 to {MAX_CLASSES}.")
    return classes


def _name_list(path: Path, lines: list[str]) -> ClassList:
    names = [line.strip() for line in lines]
    if names[0].lower() != "background":
        names.insert(0, "Background")
    for number, name in enumerate(names):
        line = number + 1 - len(names) + len(lines)
        if not name:
            raise BadInput(f"{path}: line {line} is empty, so that the labels after it would shift. Name every label.")
        if number and name.lower() == "background":
            raise BadInput(f"{path}: line {line} is {name!r}, but only the first line can be: label 0. Rename it.")
        if name in names[:number]:
            raise BadInput(f"{path}: line {line} names {name!r} a second time. Give each label a name of its own.")
    return ClassList(("Background", *names[1:]))


def _colour_table(path: Path, lines: list[str]) -> ClassList:
    names = ["Background"]
    colours: dict[int, int] = {}
    for number, line in enumerate(lines, 1):
        found = re.fullmatch(COLOUR_LINE, line)
        if not line.strip():
            continue
        red, green, blue = (int(value) for value in found.groups()[:3]) if found else (256, 0, 0)
        if found is None or max(red, green, blue) > 255:
            raise BadInput(f"{path}: line {number} is {line!r}, but must be `R G B NAME` with three numbers to 255.")
        name, colour = found.group(4).strip(), red << 16 | green << 8 | blue
        if colour in colours:
            raise BadInput(f"{path}: line {number} gives the colour {red} {green} {blue} a second time. Keep one line.")
        if name.lower() in VOID_NAMES:
            colours[colour] = IGNORED
            continue
        name = "Background" if name.lower() == "background" else name
        if name not in names:
            names.append(name)
        colours[colour] = names.index(name)
    return ClassList(tuple(names), colours)


def read_label_picture(path: Path, classes: ClassList | None, ignored: int, max_megapixels: float) -> np.ndarray:
    """Read one label picture; a palette stands for its indices unless there is a colour table.

    Args:
        classes: None: every index is allowed.
        ignored: index that is ignored, besides 255; it plays no part in a colour table.

    Returns:
        uint8 (H, W): 0..C, 255 = ignored.

    Raises:
        BadInput: it cannot be decoded, or holds a value or colour that is no class.
    """
    try:
        with open_picture(path, max_megapixels) as image:
            coloured = classes is not None and classes.colours is not None
            pixels = np.asarray(image.convert("RGB") if coloured or image.mode == "RGBA" else image)
    except BadInput:
        raise
    except Exception as error:  # Pillow's plugins raise many kinds
        raise BadInput(f"{path}: cannot be decoded ({error}). Replace the label picture.") from None
    if classes is not None and classes.colours is not None:
        return _of_colours(path, pixels, classes.colours)
    if pixels.ndim == 3:
        if pixels.shape[2] != 3 or (pixels != pixels[..., :1]).any():
            raise BadInput(
                f"{path}: the label picture is coloured. Give `--classes` a file with one line `R G B NAME` per class."
            )
        pixels = pixels[..., 0]
    allowed = MAX_CLASSES if classes is None else len(classes.names) - 1
    fits = ((pixels >= 0) & (pixels <= allowed)) | (pixels == ignored) | (pixels == IGNORED)
    if not fits.all():
        raise BadInput(
            f"{path}: value {pixels[~fits].flat[0]} is no class; allowed: 0 to {allowed}, and {IGNORED} = ignored. "
            "Name more classes with `--classes`, or ignore one value with `--ignore`."
        )
    return np.where(pixels == ignored, IGNORED, pixels).astype(np.uint8)


def _of_colours(path: Path, pixels: np.ndarray, colours: dict[int, int]) -> np.ndarray:
    """Labels of an RGB picture, uint8 (H, W, 3)."""
    codes = pixels.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    present, places = np.unique(codes, return_inverse=True)
    for code in present.tolist():
        if code not in colours:
            raise BadInput(
                f"{path}: colour {code >> 16} {code >> 8 & 255} {code & 255} is not in the colour table. "
                "Add a line `R G B NAME` for it; the name Void ignores it."
            )
    return np.array([colours[code] for code in present.tolist()], np.uint8)[places].reshape(codes.shape)
