"""Checking a whole data folder: every entry, every photo decoded, leaks and near-duplicates between splits."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from trashseg_core.data.cache_store import Progress
from trashseg_core.data.coco import Finding, Photo, Split
from trashseg_core.data.crossings import crosses_itself
from trashseg_core.data.folder import DataFolder, check_same_classes
from trashseg_core.data.leaks import check_leak
from trashseg_core.data.near_duplicates import find_near_duplicates, thumbnail
from trashseg_core.data.photos import read_photo
from trashseg_core.data.segmentations import polygons_of
from trashseg_core.disk.files import file_digest
from trashseg_core.errors import BadInput


@dataclass
class DataReport:
    """What a data folder holds, and what is wrong with it."""

    class_names: list[str]
    counts: dict[str, list[int]]
    """Annotations of each class by split; crowds included."""
    photos: dict[str, int]
    """Photos of each split."""
    findings: list[Finding]
    warnings: list[Finding] = field(default_factory=list)
    """What can be used, but should be looked at: copies and near-duplicates in two splits."""
    num_without_area: int = 0
    """Annotations of train and val without `area`; the pixels of their mask take its place."""
    num_crossing: int = 0
    """Annotations of train and val with a polygon that crosses itself."""


class _Seen(NamedTuple):
    """What was noticed of a photo while it was decoded."""

    split: str
    photo: Photo
    digest: str
    thumbnail: np.ndarray


def check_folder(folder: DataFolder, progress: Progress | None = None) -> DataReport:
    """Read all splits that exist and decode every photo. Nothing is written.

    Raises:
        BadInput: a file as a whole cannot be used, or the splits contradict each other.
    """
    names = [name for name in ("train", "val", "test") if name != "test" or os.path.isfile(folder.split_path("test"))]
    splits = {name: folder.inspect(name) for name in names}
    check_same_classes(list(splits.values()))
    check_leak(splits["train"], splits["val"])
    labels, class_names = folder.labels(splits["train"])
    report = DataReport(class_names, {}, {}, [finding for split in splits.values() for finding in split.findings])
    for name, split in splits.items():
        report.counts[name], report.photos[name] = count_annotations(split, labels, len(class_names)), len(split.photos)
    seen = _look_at_photos(folder, splits, report.findings, progress)
    report.warnings += _copies_in_test(splits, seen) + _near_twins(splits, seen)
    labelled = [one for split in splits.values() for annotations in split.annotations.values() for one in annotations]
    report.num_without_area = sum(one.area is None for one in labelled)
    report.num_crossing = sum(any(map(crosses_itself, polygons_of(one.segmentation))) for one in labelled)
    return report


def count_annotations(split: Split, labels: dict[int, int], num_classes: int) -> list[int]:
    """Annotations of each class, by label; crowds included.

    Args:
        labels: label of each category id.
    """
    counts = [0] * num_classes
    for annotations in split.annotations.values():
        for annotation in annotations:
            counts[labels[annotation.category_id]] += 1
    return counts


def _look_at_photos(
    folder: DataFolder, splits: dict[str, Split], findings: list[Finding], progress: Progress | None
) -> list[_Seen]:
    """Decode every photo on all cores; those that cannot be used are added to the findings."""
    jobs = [(name, photo) for name, split in splits.items() for photo in split.photos]

    def examine(job: tuple[str, Photo]) -> _Seen | BadInput:
        name, photo = job
        path = folder.photo_path(photo)
        try:
            rgb = read_photo(path, (photo.height, photo.width), folder.max_megapixels)
        except BadInput as error:
            return error
        return _Seen(name, photo, file_digest(path), thumbnail(rgb))

    seen: list[_Seen] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, ((name, photo), result) in enumerate(zip(jobs, pool.map(examine, jobs), strict=True), 1):
            if isinstance(result, BadInput):
                message = str(result).removeprefix(f"{folder.photo_path(photo)}: ")
                findings.append(Finding(_place(splits, name, photo), message, skippable=name != "test"))
            else:
                seen.append(result)
            if progress:
                progress(done, len(jobs))
    return seen


def _copies_in_test(splits: dict[str, Split], seen: Sequence[_Seen]) -> list[Finding]:
    """Test photos whose file train or val holds too. Their rows must exist; equal files in train and val are leaks
    and among the findings already."""
    labelled = {one.digest: one for one in reversed(seen) if one.split != "test"}
    return [
        Finding(_place(splits, one.split, one.photo), f"the same picture as {twin.photo.file_name} in {twin.split}.")
        for one in seen
        if one.split == "test" and (twin := labelled.get(one.digest)) is not None
    ]


def _near_twins(splits: dict[str, Split], seen: Sequence[_Seen]) -> list[Finding]:
    """Photos of two splits that are copies of one another but for size, quality or crop, the most alike first."""
    names = list(splits)
    pairs = find_near_duplicates([one.thumbnail for one in seen], parts=[names.index(one.split) for one in seen])
    findings = []
    for pair in pairs:
        one, other = seen[pair.one], seen[pair.other]
        if one.digest != other.digest:
            message = f"looks like {one.photo.file_name} in {one.split} (likeness {pair.likeness:.2f} of 1)."
            findings.append(Finding(_place(splits, other.split, other.photo), message))
    return findings


def _place(splits: dict[str, Split], name: str, photo: Photo) -> str:
    return f"{splits[name].path} {photo.file_name}"
