"""YOLO segmentation exports as a data folder."""

from collections import Counter, defaultdict
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from trashseg_core.data.cache_store import Progress
from trashseg_core.data.coco import Annotation
from trashseg_core.data.photos import read_photo
from trashseg_core.data.segmentations import outline_fault, segmentation_area
from trashseg_core.errors import BadInput
from trashseg_core.importers.dealing import deal_photos
from trashseg_core.importers.options import ImportOptions
from trashseg_core.importers.polygons import has_area
from trashseg_core.importers.sources import check_inside, copy_photo, file_hash, in_threads, list_photos
from trashseg_core.importers.writing import ImportedPhoto, ImportReport, LeftOut, new_folder, write_splits
from trashseg_core.importers.yolo_export import YoloExport, read_export, read_outlines

JPEG_QUALITY = 95
ORIENTATION = 0x0112
"""EXIF tag; 2 to 8 turn or mirror the picture."""


def import_yolo(source: Path, out: Path, options: ImportOptions, progress: Progress | None = None) -> ImportReport:
    """Turn a YOLO segmentation export into a data folder, with its own splits.

    The label file of `…/images/…/a.jpg` is `…/labels/…/a.txt`; a photo without one shows background only. Photos are
    copied as they are, but for those with an EXIF orientation: YOLO's coordinates belong to the upright picture, so it
    is written upright (JPEG quality 95). A class called background takes its outlines out: label 0 is what is left.
    Where only train is given it is dealt; the variants of a photo that Roboflow writes (`NAME.rf.HASH.jpg`) stay
    together.

    Args:
        source: folder with `data.yaml`, read only.
        out: a new or empty folder.
        options: shares of the splits, where the export has no val; what is accepted.

    Raises:
        BadInput: the export cannot be used, e.g. because it holds boxes.
    """
    options.check()
    if not source.is_dir():
        raise BadInput(f"{source}: no such folder. Name the folder of a YOLO segmentation export.")
    with new_folder(out, source) as target:
        export = read_export(source)
        classes = [index for index, name in export.names.items() if name.strip().lower() != "background"]
        if not classes:
            raise BadInput(f"{source}: data.yaml names no class but the background. There is nothing to learn.")
        labels = {index: label for label, index in enumerate(classes, 1)}
        left_out: LeftOut = defaultdict(list)
        if export.absent:
            left_out["splits of data.yaml without a folder of their own"] = export.absent
        jobs = _jobs(source, export, options, left_out)

        def convert(job: tuple[Path, str]) -> tuple[ImportedPhoto, LeftOut]:
            return _convert(source, target, export.names, labels, options, job)

        photos = []
        for photo, lost in in_threads(convert, jobs, progress):
            photos.append(photo)
            for reason, names in lost.items():
                left_out[reason] += names
        class_names = ["Background", *(export.names[index] for index in classes)]
        splits = deal_photos(photos, len(class_names), options, left_out)
        report = write_splits(target, class_names, splits, f"{source.resolve().name}, YOLO export", options)
    report.left_out = left_out
    return report


def _jobs(source: Path, export: YoloExport, options: ImportOptions, left_out: LeftOut) -> list[tuple[Path, str]]:
    """Every photo with its split; one that two folders hold belongs to the later split.

    Raises:
        BadInput: a split has no photo, or no photo has a label file.
    """
    split_of: dict[Path, str] = {}
    for split, folders in export.folders.items():
        for folder in folders:
            check_inside(folder, source, options)
            photos = list_photos(folder, source, options)
            if not photos:
                raise BadInput(f"{folder}: no photo in it. Correct the line `{split}:` of data.yaml.")
            for photo in photos:
                before = split_of.get(photo, split)
                if before != split:
                    left_out[f"photos of {before} that a later split holds too"].append(photo.name)
                split_of[photo] = split
    for split in export.folders:
        if split not in split_of.values():
            raise BadInput(f"{source}: every photo of {split} lies in a later split too. Correct data.yaml.")
    if not any(_label_path(photo, source).is_file() for photo in split_of):
        first = next(iter(split_of))
        raise BadInput(f"{source}: no photo has a label file (e.g. {_label_path(first, source)}). Export them too.")
    names = Counter(photo.relative_to(source).as_posix().lower() for photo in split_of)
    stems = Counter(_label_path(photo, source) for photo in split_of)
    for twice, count in [*names.most_common(1), *stems.most_common(1)]:
        if count > 1:
            raise BadInput(f"{source}: two photos stand for {twice}. Rename one and its label file.")
    return sorted(split_of.items())


def _label_path(photo: Path, source: Path) -> Path:
    """Label file of a photo: the last folder `images` becomes `labels`; without one it lies beside the photo."""
    parts = list(photo.relative_to(source).with_suffix(".txt").parts)
    if "images" in parts[:-1]:
        last = max(index for index, part in enumerate(parts[:-1]) if part == "images")
        parts[last] = "labels"
    return source.joinpath(*parts)


def _convert(
    source: Path,
    target: Path,
    names: dict[int, str],
    labels: dict[int, int],
    options: ImportOptions,
    job: tuple[Path, str],
) -> tuple[ImportedPhoto, LeftOut]:
    """Bring one photo over, with its outlines in pixels."""
    path, split = job
    lost: LeftOut = defaultdict(list)
    place = path.relative_to(source)
    name = Path("images", place).as_posix()
    label_path = _label_path(path, source)
    check_inside(label_path, source, options)
    outlines = read_outlines(label_path, names) if label_path.is_file() else []
    height, width, digest = _bring(path, target / name, options.max_megapixels)
    annotations = []
    for number, (index, outline) in enumerate(outlines, 1):
        what = f"outline {number} of {label_path.relative_to(source)}"
        points = np.round(outline * (width, height), 2)
        if index not in labels:
            lost["outlines of the class background"].append(what)
        elif not has_area(points):
            lost["outlines without area"].append(what)
        else:
            polygon = [[float(value) for value in points.ravel()]]
            if fault := outline_fault(polygon):
                raise BadInput(f"{label_path}: outline {number}: {fault}. Simplify it, or take it out.")
            area = segmentation_area(polygon, height, width)
            if area:
                annotations.append(Annotation(0, labels[index], polygon, False, area))
            else:
                lost["outlines smaller than a pixel"].append(what)
    kin = (place.stem.split(".rf.")[0],) if ".rf." in place.stem else ()
    return ImportedPhoto(name, height, width, annotations, digest, kin, split), lost


def _bring(path: Path, target: Path, max_megapixels: float) -> tuple[int, int, str]:
    """Copy a photo, or write it upright where EXIF turns it.

    Returns:
        Height and width in px of the upright picture, and the hash of the file written.

    Raises:
        BadInput: it cannot be decoded.
    """
    rgb = read_photo(path, None, max_megapixels)
    with Image.open(path) as image:
        turned = image.getexif().get(ORIENTATION, 1) in range(2, 9)
    if not turned:
        return rgb.shape[0], rgb.shape[1], copy_photo(path, target)
    jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    encoded, data = cv2.imencode(
        path.suffix.lower(), rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if jpeg else []
    )
    assert encoded, "OpenCV encodes every 8-bit RGB array"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data.tobytes())
    return rgb.shape[0], rgb.shape[1], file_hash(target)
