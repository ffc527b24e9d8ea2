"""What submission CSVs score: per-image confusion matrices against a COCO file that holds the truth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trashseg_core.confusion import count_confusion
from trashseg_core.data.coco import label_table, read_split
from trashseg_core.data.label_maps import paint
from trashseg_core.errors import BadInput
from trashseg_core.submission import SIDE, check_submission, submission_grid, text_to_labels


@dataclass(frozen=True)
class Truth:
    """The label maps that submissions are compared with."""

    label_maps: np.ndarray
    """uint8 (N, 256, 256): painted, then resized as a submission is; 255 = ignored."""
    file_names: list[str]
    class_names: list[str]


def read_truth(path: Path, background_category: str | None = None) -> Truth:
    """Paint a COCO file at the size of a submission; the photos themselves are not needed.

    Raises:
        BadInput: the file cannot be used, or has a finding.
    """
    split = read_split(path)
    if split.findings:
        raise BadInput(f"{split.findings[0]} Mend the truth first.")
    labels, class_names = label_table(split.categories, background_category)
    maps = [
        submission_grid(paint(split.annotations[photo.id], labels, photo.height, photo.width)) for photo in split.photos
    ]
    return Truth(np.stack(maps), [photo.file_name for photo in split.photos], class_names)


def score_submission(path: Path, truth: Truth) -> np.ndarray:
    """Score a CSV photo by photo.

    Returns:
        int64 (N, C, C), rows = truth.

    Raises:
        BadInput: it is no valid submission for these photos.
    """
    num_classes = len(truth.class_names)
    faults = check_submission(path, truth.file_names, num_classes)
    if faults:
        raise BadInput(f"{path}: {faults[0]}. It must answer the photos of the truth, in their order.")
    counts = []
    with open(path, "rb") as stream:
        next(stream)
        for line, label_map in zip(stream, truth.label_maps, strict=True):
            labels = text_to_labels(line[:-1].rpartition(b",")[2], num_classes)
            counts.append(count_confusion(label_map, labels.reshape(SIDE, SIDE), num_classes))
    return np.stack(counts)
