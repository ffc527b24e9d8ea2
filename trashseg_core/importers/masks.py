"""Folders of photos and label pictures (CamVid's layout) as a data folder."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from trashseg_core.data.cache_store import Progress
from trashseg_core.data.coco import Annotation
from trashseg_core.data.label_maps import IGNORED
from trashseg_core.data.photos import read_photo
from trashseg_core.errors import BadInput
from trashseg_core.importers.dealing import deal_photos
from trashseg_core.importers.label_pictures import ClassList, read_class_list, read_label_picture
from trashseg_core.importers.options import ImportOptions
from trashseg_core.importers.sources import check_inside, copy_photo, in_threads, list_photos
from trashseg_core.importers.writing import (
    SPLITS,
    ImportedPhoto,
    ImportReport,
    LeftOut,
    new_folder,
    run_lengths,
    write_splits,
)

SPLIT_FOLDERS = {"train": ("train",), "val": ("val", "valid"), "test": ("test",)}
Job = tuple[Path, Path | None, str, str | None]
"""Photo, its label picture if it has one, its name in the new folder, and the split that the source gives."""


def import_masks(
    images: Path,
    masks: Path,
    out: Path,
    options: ImportOptions,
    class_file: Path | None = None,
    ignored: int = IGNORED,
    progress: Progress | None = None,
) -> ImportReport:
    """Turn photos and label pictures into a data folder whose painted label maps equal the pictures, pixel by pixel.

    Each photo's label picture is the PNG of the same place and stem (CamVid's `_L` behind the stem may stay). Folders
    `train`, `val` (or `valid`), `test` in `images` are the splits; their label pictures lie in `train_labels`,
    `trainannot` or `train` of `masks`, and so on. A test split may do without. Photos are copied as they are; each
    class of a photo becomes one annotation, an RLE, and the ignored pixels a crowd. They do not overlap, so the paint
    order cannot matter.

    Args:
        images: folder of photos.
        masks: folder of label pictures.
        out: a new or empty folder.
        options: shares of the splits, where `images` has none or no `val`; what is accepted.
        class_file: names or colours, see `read_class_list`; default: indices, named class_1, class_2, …
        ignored: index to ignore besides 255.

    Raises:
        BadInput: a folder, photo or label picture cannot be used.
    """
    options.check()
    if not 0 <= ignored <= IGNORED:
        raise BadInput(f"The value of `--ignore` is {ignored}, but must be a label from 0 to {IGNORED}.")
    classes = None if class_file is None else read_class_list(class_file)
    if classes and classes.colours is not None and ignored != IGNORED:
        raise BadInput(
            f"`--ignore {ignored}` is an index, but {class_file} is a colour table. Call the colour Void there."
        )
    with new_folder(out, images, masks) as target:
        left_out: LeftOut = defaultdict(list)
        jobs = _jobs(images, masks, options, left_out)

        def convert(job: Job) -> ImportedPhoto:
            return _convert(job, target, classes, ignored, options.max_megapixels)

        photos = list(in_threads(convert, jobs, progress))
        names = classes.names if classes else _numbered(photos, masks)
        splits = deal_photos(photos, len(names), options, left_out)
        report = write_splits(target, names, splits, f"{images.resolve().name}, label pictures", options)
    report.left_out = left_out
    return report


def _numbered(photos: list[ImportedPhoto], masks: Path) -> tuple[str, ...]:
    """Names for labels up to the highest one that occurs."""
    drawn = [entry.category_id for photo in photos for entry in photo.annotations if not entry.iscrowd]
    if not drawn:
        raise BadInput(f"{masks}: every pixel is background or ignored. There is no class to learn.")
    return ("Background", *(f"class_{label}" for label in range(1, max(drawn) + 1)))


def _jobs(images: Path, masks: Path, options: ImportOptions, left_out: LeftOut) -> list[Job]:
    """Pair every photo with its label picture.

    Raises:
        BadInput: a folder is missing, or a photo has no label picture or none of its own.
    """
    for folder in (images, masks):
        if not folder.is_dir():
            raise BadInput(f"{folder}: no such folder. Give a folder of photos and a folder of label PNGs.")
    found = {split: next((name for name in SPLIT_FOLDERS[split] if (images / name).is_dir()), None) for split in SPLITS}
    given = {split: name for split, name in found.items() if name}
    if not given:
        if images.resolve() == masks.resolve():
            raise BadInput(f"{images} would hold photos and label pictures both. Move the label pictures elsewhere.")
        return _pair(images, masks, images, masks, None, options)
    jobs: list[Job] = []
    used: list[Path] = []
    for split, name in given.items():
        labels = _label_folder(images, masks, name, may_lack=split == "test")
        jobs += _pair(images / name, labels, images, masks, split, options)
        used += [folder.resolve() for folder in (images / name, labels) if folder]
    for photo in list_photos(images, images, options):
        if not any(photo.resolve().is_relative_to(folder) for folder in used):
            left_out["pictures beside the folders of the splits"].append(str(photo.relative_to(images)))
    return jobs


def _pair(
    place: Path, labels: Path | None, images: Path, masks: Path, split: str | None, options: ImportOptions
) -> list[Job]:
    """The photos of one folder with their label pictures."""
    photos = list_photos(place, images, options)
    if labels and labels.resolve() != place.resolve() and labels.resolve().is_relative_to(place.resolve()):
        photos = [photo for photo in photos if not photo.resolve().is_relative_to(labels.resolve())]
    if not photos:
        raise BadInput(f"{place}: no photo in it. Give a folder of photos.")
    label_of: dict[Path, Path] = {}
    lost = []
    for photo in photos:
        label = labels and _label_path(photo.relative_to(place), labels)
        if labels and not label:
            lost.append(photo)
        elif label:
            check_inside(label, masks, options)
            label_of[photo] = label
    if lost:
        raise BadInput(
            f"{len(lost)} of {len(photos)} photos have no label picture in {labels} (first: {lost[0].name}). "
            f"Expected {lost[0].stem}.png; add it or take the photo away."
        )
    twice = len(label_of) - len(set(label_of.values()))
    if twice:
        raise BadInput(f"{place}: {twice} label pictures belong to two photos that differ in suffix. Rename them.")
    return [
        (photo, label_of.get(photo), Path("images", split or "", photo.relative_to(place)).as_posix(), split)
        for photo in photos
    ]


def _label_folder(images: Path, masks: Path, name: str, may_lack: bool) -> Path | None:
    """Folder of the label pictures of a split's folder; None for a test split without any."""
    names = [f"{name}_labels", f"{name}annot"] + [name] * (images.resolve() != masks.resolve())
    found = [masks / name for name in names if (masks / name).is_dir()]
    if len(found) == 1 or (may_lack and not found):
        return found[0] if found else None
    given = "more than one" if found else "none"
    raise BadInput(
        f"{masks}: exactly one of {', '.join(names)} must hold the label pictures of {name}; {given} is there."
    )


def _label_path(photo: Path, labels: Path) -> Path | None:
    """The label picture of a photo, given relative to its folder."""
    candidates = [labels / photo.with_name(f"{photo.stem}{ending}.png") for ending in ("", "_L")]
    return next((path for path in candidates if path.is_file()), None)


def _convert(job: Job, target: Path, classes: ClassList | None, ignored: int, max_megapixels: float) -> ImportedPhoto:
    """Copy a photo and turn its label picture into annotations.

    Raises:
        BadInput: one of them cannot be decoded, or their sizes differ.
    """
    path, label_path, name, split = job
    shape = read_photo(path, None, max_megapixels).shape[:2]
    annotations: list[Annotation] = []
    if label_path is not None:
        label_map = read_label_picture(label_path, classes, ignored, max_megapixels)
        if label_map.shape != shape:
            with Image.open(path) as image:
                stored = image.height, image.width
            if label_map.shape != stored:
                raise BadInput(
                    f"{label_path}: {label_map.shape[1]} x {label_map.shape[0]} px, but its photo has "
                    f"{shape[1]} x {shape[0]}. Bring both to one size."
                )
        shape = label_map.shape
        for label in np.unique(label_map).tolist():
            if label:
                mask = label_map == label
                crowd = label == IGNORED  # a crowd needs some category: any will do
                annotations.append(Annotation(0, 1 if crowd else label, run_lengths(mask), crowd, float(mask.sum())))
    digest = copy_photo(path, target / name)
    return ImportedPhoto(name, shape[0], shape[1], annotations, digest, split=split)
