"""TACO as a data folder: the competition's classes, photos of a handy size, splits without a scene in two of them."""

import hashlib
import json
import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from trashseg_core.data.cache_store import Progress
from trashseg_core.data.coco import MAX_JSON_MB, Annotation, Photo
from trashseg_core.data.folder import NO_SUCH_PHOTO, DataFolder
from trashseg_core.data.near_duplicates import group_scenes, thumbnail
from trashseg_core.data.photos import read_photo
from trashseg_core.data.resize import fitted_size
from trashseg_core.data.segmentations import segmentation_fault, segmentation_mask
from trashseg_core.errors import BadInput
from trashseg_core.importers.class_map import TACO_CLASSES, label_of_categories, read_class_map
from trashseg_core.importers.dealing import deal_photos
from trashseg_core.importers.options import ImportOptions
from trashseg_core.importers.polygons import clip_polygon, has_area
from trashseg_core.importers.scenes import scene_keys
from trashseg_core.importers.sources import in_threads
from trashseg_core.importers.writing import ImportedPhoto, ImportReport, LeftOut, new_folder, run_lengths, write_splits

FILE = "annotations.json"
MIN_SIZE_PX = 32
JPEG_QUALITY = 95


@dataclass
class _Taco:
    """A TACO annotation file, checked."""

    folder: DataFolder
    document: dict[str, Any]
    listed: list[Photo]
    there: list[Photo]
    labels: dict[int, int]
    class_names: list[str]
    size: int
    left_out: LeftOut = field(default_factory=lambda: defaultdict(list))


def import_taco(
    source: Path,
    out: Path,
    options: ImportOptions,
    size: int = 512,
    class_map: Path = TACO_CLASSES,
    max_json_mb: int = MAX_JSON_MB,
    progress: Progress | None = None,
) -> ImportReport:
    """Turn a downloaded TACO into a data folder.

    Photos get the longer side `size` (smaller ones stay as they are) as JPEG of quality 95, upright. TACO's
    coordinates belong to the upright picture (its own loader turns photos by their EXIF orientation before it draws
    masks), so the orientation is applied wherever the upright size is the annotated one; the picture is taken as
    stored where only that fits. A picture that fits neither way is broken. This differs from `read_photo` with a size,
    which prefers the stored picture: the two part at half turns, where both sizes fit.

    Polygons are clipped to the picture and scaled with it; `area`, which decides the paint order, is scaled too.

    Args:
        source: folder with `annotations.json`, or with `data/annotations.json`, and the photos beside it.
        out: a new or empty folder.
        options: shares of the splits (the test photos keep their annotations), what is accepted.
        size: longer side in px.
        class_map: csv of the classes; default: the competition's ten.
        max_json_mb: larger annotation files, in 10^6 bytes, are refused.

    Raises:
        BadInput: an argument or the annotation file cannot be used, or hardly any photo is there.
    """
    options.check()
    if size < MIN_SIZE_PX:
        raise BadInput(f"The value of `--size` is {size}, but must be {MIN_SIZE_PX} px or more.")
    with new_folder(out, source) as target:
        taco = _read(source, class_map, size, options, max_json_mb)
        photos = _convert(taco, target, progress)
        splits = deal_photos(photos, len(taco.class_names), options, taco.left_out)
        report = write_splits(target, taco.class_names, splits, f"TACO at {size} px", options)
    report.left_out = taco.left_out
    return report


def _read(source: Path, table: Path, size: int, options: ImportOptions, max_json_mb: int) -> _Taco:
    root = next((root for root in (source, source / "data") if (root / FILE).is_file()), None)
    if root is None:
        raise BadInput(f"{source} holds no {FILE}, nor does {source / 'data'}. Name the folder of a downloaded TACO.")
    classes, class_names = read_class_map(table)
    folder = DataFolder(
        str(root.absolute()),
        train_file=FILE,
        follow_links=options.follow_links,
        max_json_mb=max_json_mb,
        max_megapixels=options.max_megapixels,
    )
    split = folder.inspect("train")
    if hard := [finding for finding in split.findings if not finding.skippable]:
        raise BadInput(str(hard[0]))
    labels = label_of_categories(split.categories, classes, class_names, table)
    document = json.loads((root / FILE).read_text(encoding="utf-8-sig"))  # `inspect` has checked it, entry by entry
    listed = [
        Photo(int(entry["id"]), entry["file_name"], int(entry["height"]), int(entry["width"]))
        for entry in document["images"]
    ]
    there = {photo.id for photo in split.photos}
    places = {f"{split.path} {photo.file_name}": photo.id for photo in reversed(listed)}
    others = [one for one in split.findings if one.where in places and one.message != NO_SUCH_PHOTO]
    if not there and others:
        told = f"None of the {len(listed)} photos can be used; {len(others)} of them are too large or unreadable."
        raise BadInput(f"{told} First: {others[0]}")
    if not there:
        raise BadInput(f"None of the {len(listed)} photos of {root / FILE} is there. Run TACO's download.py first.")
    taco = _Taco(folder, document, listed, split.photos, labels, class_names, size)
    refused = {places[one.where]: str(one) for one in others}
    first = {os.path.normpath(photo.file_name): photo.id for photo in reversed(listed)}
    for photo in listed:
        if first[os.path.normpath(photo.file_name)] != photo.id:
            taco.left_out["photos listed a second time"].append(photo.file_name)
        elif photo.id in refused:
            taco.left_out["photos too large or unreadable"].append(refused[photo.id])
        elif photo.id not in there:
            taco.left_out["photos missing"].append(photo.file_name)
    return taco


def _convert(taco: _Taco, target: Path, progress: Progress | None) -> list[ImportedPhoto]:
    """Write every photo that can be decoded, with its annotations scaled."""
    names = _new_names(taco.there)
    scenes = scene_keys(taco.document, taco.listed)

    def convert(photo: Photo) -> tuple[ImportedPhoto, np.ndarray] | BadInput:
        try:
            rgb = _resized(taco.folder.photo_path(photo), photo, taco.size, taco.folder.max_megapixels)
        except BadInput as error:
            return error
        data = _jpeg(rgb)
        path = target / names[photo.id]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        digest, kin = hashlib.sha256(data).hexdigest(), (scenes[photo.id],)
        return ImportedPhoto(names[photo.id], rgb.shape[0], rgb.shape[1], [], digest, kin), thumbnail(rgb)

    entries: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in taco.document["annotations"]:
        entries[int(entry["image_id"])].append(entry)
    photos: list[ImportedPhoto] = []
    thumbnails = []
    broken = taco.left_out["photos broken or of another size than annotated"]
    for photo, result in zip(taco.there, in_threads(convert, taco.there, progress), strict=True):
        if isinstance(result, BadInput):
            broken.append(str(result))
        else:
            new, small = result
            new.annotations = _fit_annotations(taco, photo, new, entries.pop(photo.id, []))
            photos.append(new)
            thumbnails.append(small)
    for new, look in zip(photos, group_scenes(thumbnails), strict=True):
        new.kin += (f"look {look}",)
    if not photos:
        raise BadInput(f"None of the {len(taco.there)} photos can be used. First: {broken[0]}")
    lost = [f"annotation {repr(entry.get('id'))[:20]}" for group in entries.values() for entry in group]
    taco.left_out["annotations of photos that are left out"] += lost
    return photos


def _fit_annotations(taco: _Taco, photo: Photo, new: ImportedPhoto, entries: list[dict[str, Any]]) -> list[Annotation]:
    """The annotations of one photo at its new size, in file order; those without a pixel there are left out."""
    scale = new.height / photo.height, new.width / photo.width
    fitted = []
    for entry in entries:
        name = f"annotation {repr(entry.get('id'))[:20]} of {photo.file_name}"
        label = taco.labels[int(entry["category_id"])]
        if label == 0:
            taco.left_out["annotations of categories that the table makes background"].append(name)
            continue
        given = entry.get("segmentation")
        if isinstance(given, dict) and segmentation_fault(given, photo.height, photo.width) is None:
            mask = segmentation_mask(given, photo.height, photo.width).astype(np.uint8)
            shrunk = cv2.resize(mask, (new.width, new.height), interpolation=cv2.INTER_NEAREST_EXACT)
            segmentation: Any = run_lengths(shrunk)
        else:
            polygons = given if isinstance(given, list) and given else [given]
            segmentation = [_fit_polygon(polygon, photo, scale) for polygon in polygons]
            taco.left_out["polygons without area in the picture"] += [name for one in segmentation if one is None]
            segmentation = [polygon for polygon in segmentation if polygon is not None]
            if not segmentation:
                taco.left_out["annotations without a polygon left"].append(name)
                continue
        if not segmentation_mask(segmentation, new.height, new.width).any():
            taco.left_out[f"annotations smaller than a pixel at {taco.size} px"].append(name)
            continue
        area = None if entry.get("area") is None else float(entry["area"]) * scale[0] * scale[1]
        fitted.append(Annotation(0, label, segmentation, bool(entry.get("iscrowd", 0)), area))
    return fitted


def _fit_polygon(polygon: Any, photo: Photo, scale: tuple[float, float]) -> list[float] | None:
    """Clip and scale one polygon; None where nothing of it is left in the picture."""
    if segmentation_fault([polygon], photo.height, photo.width):
        return None
    points = clip_polygon(np.reshape(np.array(polygon, float), (-1, 2)), photo.height, photo.width)
    points = np.round(points * scale[::-1], 2)
    flat = [float(value) for value in points.ravel()]
    return flat if has_area(points) else None


def _resized(path: Path, photo: Photo, size: int, max_megapixels: float) -> np.ndarray:
    """Decode a photo upright, uint8 RGB, and scale it down to the longer side `size`.

    Raises:
        BadInput: it cannot be decoded, or has not the annotated size.
    """
    rgb = read_photo(path, None, max_megapixels)
    if rgb.shape[:2] != (photo.height, photo.width):
        rgb = read_photo(path, (photo.height, photo.width), max_megapixels)
    if max(rgb.shape[:2]) <= size:
        return rgb
    height, width = fitted_size(photo.height, photo.width, size)
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)


def _jpeg(rgb: np.ndarray) -> bytes:
    encoded, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert encoded, "OpenCV encodes every 8-bit RGB array"
    return data.tobytes()


def _new_names(photos: list[Photo]) -> dict[int, str]:
    """File name of each photo in the new folder, by its id.

    Raises:
        BadInput: two photos would get the same name.
    """
    taken: dict[str, str] = {}
    names = {}
    for photo in photos:
        name = PurePosixPath("images", os.path.normpath(photo.file_name)).with_suffix(".jpg")
        other = taken.setdefault(str(name).lower(), photo.file_name)
        if other != photo.file_name:
            raise BadInput(f"{photo.file_name} and {other} differ in case or suffix only. Rename one, here and there.")
        names[photo.id] = str(name)
    return names
