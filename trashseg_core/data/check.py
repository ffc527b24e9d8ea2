"""Checking a whole data folder: every entry, every photo decoded, leaks between splits."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from trashseg_core.data.cache_store import Progress
from trashseg_core.data.coco import Finding, Photo, Split
from trashseg_core.data.folder import DataFolder, check_leak, check_same_classes
from trashseg_core.data.photos import read_photo
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


def check_folder(folder: DataFolder, progress: Progress | None = None) -> DataReport:
    """Read all splits that exist and decode every photo. Nothing is written.

    Raises:
        BadInput: a file as a whole cannot be used, or the splits contradict each other.
    """
    names = [name for name in ("train", "val", "test") if name != "test" or folder.split_path("test").is_file()]
    splits = {name: folder.inspect(name) for name in names}
    check_same_classes(list(splits.values()))
    check_leak(splits["train"], splits["val"])
    labels, class_names = folder.labels(splits["train"])
    report = DataReport(class_names, {}, {}, [finding for split in splits.values() for finding in split.findings])
    for name, split in splits.items():
        counts = [0] * len(class_names)
        for annotations in split.annotations.values():
            for annotation in annotations:
                counts[labels[annotation.category_id]] += 1
        report.counts[name], report.photos[name] = counts, len(split.photos)
    report.findings += _photo_findings(folder, splits, progress)
    return report


def _photo_findings(folder: DataFolder, splits: dict[str, Split], progress: Progress | None) -> list[Finding]:
    """Decode every photo on all cores; equal files in two splits are leaks."""
    jobs = [(name, photo) for name, split in splits.items() for photo in split.photos]

    def examine(job: tuple[str, Photo]) -> tuple[str, str | None]:
        path = folder.photo_path(job[1])
        try:
            read_photo(path, (job[1].height, job[1].width), folder.max_megapixels)
        except BadInput as error:
            return "", str(error)
        return _digest(path), None

    findings: list[Finding] = []
    seen: dict[str, tuple[str, Photo]] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, ((name, photo), (digest, fault)) in enumerate(zip(jobs, pool.map(examine, jobs), strict=True), 1):
            where = f"{splits[name].path} {photo.file_name}"
            if fault:
                findings.append(Finding(where, fault, skippable=name != "test"))
            elif digest in seen and seen[digest][0] != name:
                other, twin = seen[digest]
                findings.append(Finding(where, f"the same picture as {twin.file_name} in {other}: a leak."))
            seen.setdefault(digest, (name, photo)) if digest else None
            if progress:
                progress(done, len(jobs))
    return findings


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
