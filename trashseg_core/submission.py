"""The submission: one CSV row of 256 x 256 labels per test photo. Writing it, and checking it."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from trashseg_core.errors import BadInput
from trashseg_core.files import atomic_text

HEADER = "image_id,PredictionString"
SIDE = 256


def submission_grid(label_map: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Take the nearest labels for a square grid: pixel (⌊i·H/side⌋, ⌊j·W/side⌋), as OpenCV's INTER_NEAREST.

    Args:
        label_map: uint8 (H, W), at the photo's own size.

    Returns:
        uint8 (side, side).
    """
    height, width = label_map.shape
    rows, columns = np.arange(side) * height // side, np.arange(side) * width // side
    return label_map[rows[:, None], columns[None, :]]


def write_submission(path: Path, file_names: list[str], label_maps: Iterable[np.ndarray], num_classes: int) -> None:
    """Write the CSV atomically, row by row in the order of the test photos, and check what was written.

    Args:
        file_names: `file_name` of every test photo, in the order of test.json.
        label_maps: uint8 (H, W) of each, in the same order; may be a generator.

    Raises:
        BadInput: `path` is a folder, or lies in one that does not exist.
        ValueError: there are more or fewer label maps than photos, or the file fails its own check.
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder. Give the path of a CSV file.")
    if not path.parent.is_dir():
        raise BadInput(f"{path.parent}: no such folder. Create it, or give another path.")
    words = np.array([str(label) for label in range(num_classes)])
    with atomic_text(path) as stream:
        stream.write(HEADER + "\n")
        for name, label_map in zip(file_names, label_maps, strict=True):
            text = " ".join(words[submission_grid(label_map).ravel()].tolist())
            stream.write(f"{_quoted(name)},{text}\n")
        stream.flush()
        faults = check_submission(Path(stream.name), file_names, num_classes)
        if faults:
            raise ValueError(f"The submission fails its own check: {faults[0]}")


def check_submission(path: Path, file_names: list[str], num_classes: int) -> list[str]:
    """Compare a CSV with what a submission must be.

    Returns:
        What is wrong, at most ten faults; an empty list for a valid file.
    """
    faults: list[str] = []
    rows = 0
    with open(path, encoding="utf-8", newline="") as stream:
        if stream.readline() != HEADER + "\n":
            faults.append(f"the header is not {HEADER!r}")
        for rows, line in enumerate(stream, 1):
            fault = (
                _row_fault(line, file_names[rows - 1], num_classes) if rows <= len(file_names) else "is one too many"
            )
            if fault:
                faults.append(f"row {rows} {fault}")
            if len(faults) >= 10:
                return faults
    if rows < len(file_names):
        faults.append(f"{rows} rows for {len(file_names)} test photos; the first without one is {file_names[rows]}")
    return faults


def _row_fault(line: str, file_name: str, num_classes: int) -> str | None:
    if not line.endswith("\n") or line.endswith("\r\n"):
        return "does not end in a single LF"
    name, comma, text = line[:-1].rpartition(",")
    if not comma or name != _quoted(file_name):
        return f"is for {name!r}, expected {file_name!r}"
    labels = text.split(" ")
    if len(labels) != SIDE * SIDE:
        return f"has {len(labels)} labels, expected {SIDE * SIDE}"
    strange = set(labels) - {str(label) for label in range(num_classes)}
    return f"has the label {min(strange)!r}, expected 0 to {num_classes - 1}" if strange else None


def _quoted(name: str) -> str:
    """A file name as a CSV field."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([name])
    return buffer.getvalue()
