"""The submission: one CSV row of 256 x 256 labels per test photo. Writing it, and checking it."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import numpy as np

from trashseg_core.disk.files import atomic_text
from trashseg_core.errors import BadInput

HEADER = "image_id,PredictionString"
SIDE = 256
MAX_FAULTS = 10
MAX_LINE = 1 << 20
"""Bytes of a row at most: 65,536 labels of three digits, and a name. A file without line breaks is not read whole."""
_DIGITS = b"0123456789"
_CODES = _DIGITS + bytes(byte for byte in range(256) if byte not in _DIGITS + b" ") + b" "
"""The byte that stands for each label: its digit, or one that no text of labels has. 255 is no label."""


def submission_grid(label_map: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Take the nearest labels for a square grid: pixel (⌊i·H/side⌋, ⌊j·W/side⌋), as OpenCV's INTER_NEAREST.

    Args:
        label_map: (..., H, W), at the photo's own size.

    Returns:
        (..., side, side).
    """
    height, width = label_map.shape[-2:]
    rows, columns = np.arange(side) * height // side, np.arange(side) * width // side
    return label_map[..., rows, :].take(columns, axis=-1)


def labels_to_text(labels: np.ndarray, num_classes: int) -> str:
    """Write labels as `" ".join(str(label) for label in labels)` does, some 40 times as fast.

    Every label is a byte and a space at first; those above 9 get their digits in a search that the C library makes.

    Args:
        labels: uint8, any shape, taken row by row.

    Raises:
        ValueError: a label is `num_classes` or more.
    """
    if labels.size and labels.max() >= num_classes:
        raise ValueError(f"The label {labels.max()} is in a label map, but must be 0 to {num_classes - 1}.")
    coded = bytearray(b" ") * (2 * labels.size)
    coded[::2] = labels.tobytes().translate(_CODES)
    text = bytes(coded[:-1])
    for label in range(len(_DIGITS), num_classes):
        text = text.replace(_CODES[label : label + 1], b"%d" % label)
    return text.decode("ascii")


def text_to_labels(text: bytes, num_classes: int) -> np.ndarray:
    """Read what `labels_to_text` wrote.

    Args:
        text: one for which `is_text_of_labels` holds.

    Returns:
        uint8 (count,).
    """
    coded = _coded(text, num_classes)[1::2]
    values = bytearray(256)
    for label in range(num_classes):
        values[_CODES[label]] = label
    return np.frombuffer(coded.translate(bytes(values)), np.uint8)


def is_text_of_labels(text: bytes, count: int, num_classes: int) -> bool:
    """Whether a text is exactly what `labels_to_text` writes for `count` labels below `num_classes`."""
    if text.translate(None, _DIGITS + b" "):
        return False
    coded = _coded(text, num_classes)
    return (
        len(coded) == 2 * count and not coded[::2].strip(b" ") and not coded[1::2].translate(None, _CODES[:num_classes])
    )


def _coded(text: bytes, num_classes: int) -> bytes:
    """A space and the byte that stands for the label, for each label; digits as they are."""
    coded = b" " + text
    for label in reversed(range(len(_DIGITS), num_classes)):  # the long ones first: 10 is the beginning of 100
        coded = coded.replace(b" %d" % label, b" " + _CODES[label : label + 1])
    return coded


def write_submission(path: Path, file_names: list[str], label_maps: Iterable[np.ndarray], num_classes: int) -> None:
    """Write the CSV atomically, row by row in the order of the test photos, and check what was written.

    Args:
        file_names: `file_name` of every test photo, in the order of test.json.
        label_maps: uint8 (H, W) of each, in the same order; may be a generator.

    Raises:
        BadInput: `path` is a folder, or lies in one that does not exist.
        ValueError: there are more or fewer label maps than photos, or the file fails its own check.
    """
    refuse_folder(path)
    with atomic_text(path) as stream:
        write_rows(stream, file_names, label_maps, num_classes)
        stream.flush()
        faults = check_submission(Path(stream.name), file_names, num_classes)
        if faults:
            raise ValueError(f"The submission fails its own check: {faults[0]}")


def refuse_folder(path: Path) -> None:
    """Refuse a path at which no CSV can be written.

    Raises:
        BadInput: it is a folder, or lies in one that does not exist.
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder. Give the path of a CSV file.")
    if not path.parent.is_dir():
        raise BadInput(f"{path.parent}: no such folder. Create it, or give another path.")


def write_rows(stream: TextIO, file_names: list[str], label_maps: Iterable[np.ndarray], num_classes: int) -> None:
    """Write the header and a row per photo; arguments as in `write_submission`."""
    stream.write(HEADER + "\n")
    for name, label_map in zip(file_names, label_maps, strict=True):
        stream.write(f"{_quoted(name)},{labels_to_text(submission_grid(label_map), num_classes)}\n")


def check_submission(path: Path, file_names: list[str], num_classes: int) -> list[str]:
    """Compare a CSV with what a submission must be.

    Returns:
        What is wrong, at most ten faults; an empty list for a valid file.

    Raises:
        BadInput: the file cannot be read.
    """
    faults: list[str] = []
    rows = 0
    if path.exists() and not path.is_file():
        raise BadInput(f"{path}: cannot be read (not a regular file). Give the path of a submission CSV.")
    try:
        with open(path, "rb") as stream:
            if stream.readline(MAX_LINE) != HEADER.encode() + b"\n":
                faults.append(f"the header is not {HEADER!r} with a single LF, without a byte order mark")
            for rows, line in enumerate(iter(lambda: stream.readline(MAX_LINE), b""), 1):
                if rows > len(file_names):
                    return [*faults, f"row {rows} is one too many for {len(file_names)} test photos"]
                fault = _row_fault(line, file_names[rows - 1], num_classes)
                if fault:
                    faults.append(f"row {rows} {fault}")
                if len(faults) >= MAX_FAULTS:
                    return faults
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}). Give the path of a submission CSV.") from None
    if rows < len(file_names):
        faults.append(f"{rows} rows for {len(file_names)} test photos; the first without one is {file_names[rows]}")
    return faults


def _row_fault(line: bytes, file_name: str, num_classes: int) -> str | None:
    if not line.endswith(b"\n") or line.endswith(b"\r\n"):
        return "does not end in a single LF"
    field, comma, text = line[:-1].rpartition(b",")
    name = _unquoted(field.decode("utf-8", "replace"))
    if not comma or name != file_name:
        return f"is for {field[:200].decode('utf-8', 'replace')!r}, expected {file_name!r}"
    if is_text_of_labels(text, SIDE * SIDE, num_classes):
        return None
    labels = text.split(b" ")
    if len(labels) != SIDE * SIDE:
        return f"has {len(labels)} labels, expected {SIDE * SIDE} with single spaces between them"
    strange = set(labels) - {b"%d" % label for label in range(num_classes)}
    return f"has the label {min(strange)[:20].decode('utf-8', 'replace')!r}, expected 0 to {num_classes - 1}"


def _quoted(name: str) -> str:
    """A file name as a CSV field."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([name])
    return buffer.getvalue()


def _unquoted(field: str) -> str | None:
    """The text of a CSV field, which may have quotes that it does not need; None where they are wrong."""
    if not field.startswith('"'):
        return None if '"' in field or "," in field else field
    inner = field[1:-1].replace('""', "")
    return None if len(field) < 2 or not field.endswith('"') or '"' in inner else field[1:-1].replace('""', '"')
