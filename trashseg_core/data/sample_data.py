"""A small long-tailed trash data set in the competition's layout, generated for trying things out and for tests."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from trashseg_core.data.sample_canvas import Array, Rng
from trashseg_core.data.sample_photos import PlacedObject, draw_photo
from trashseg_core.disk.files import atomic_bytes, read_json, write_text
from trashseg_core.disk.temporaries import SUFFIX
from trashseg_core.errors import BadInput

# Name: share of the objects. Category ids are 1..10 in this order. The competition's tail, with its rarest classes
# (Battery 0.2 %, Clothing 0.7 %) raised so that a few hundred photos hold enough of them to learn from.
SHARES = {
    "General trash": 0.12,
    "Paper": 0.3,
    "Paper pack": 0.045,
    "Metal": 0.05,
    "Glass": 0.045,
    "Plastic": 0.13,
    "Styrofoam": 0.065,
    "Plastic bag": 0.22,
    "Battery": 0.01,
    "Clothing": 0.015,
}
RAREST_FIRST = sorted(SHARES, key=lambda name: SHARES[name])
CROWD, CROWD_CATEGORY = "heap", "General trash"
SPLITS = ("train", "val", "test")
BATCHES = ("batch_01_vt", "batch_02_vt", "batch_03")
NUM_OBJECTS_SHARES = (0.1, 0.2, 0.25, 0.2, 0.15, 0.1)  # of photos with 1, 2, … 6 objects
MAX_OBJECTS = len(NUM_OBJECTS_SHARES)
MIN_IMAGES, MIN_SIZE_PX, MIN_IMAGES_WITH_CROWD = 6, 64, 60
NUM_CROWDS = 2
MAX_IMAGES = 100_000
JPEG_QUALITY = 90
ORIGIN = "Sample data drawn by trashseg; not photographs."


@dataclass
class PlannedPhoto:
    """A photo before it is drawn."""

    file_name: str
    split: str
    objects: list[str]


def write_sample_data(folder: Path, num_images: int = 240, image_size: int = 256, seed: int = 0) -> dict[str, int]:
    """Write `train.json`, `val.json`, `test.json` and their JPEG photos; the same arguments give the same bytes.

    About 2/3 of the photos are for training and 1/6 each for validation and test; all three lie mixed in the batch
    folders. Every split holds every class from 9 photos on. With 6 to 8 the only validation photo and the only test
    photo hold the six rarest classes each. From 60 photos on, two training photos show a heap of scraps that is
    annotated as a crowd (`iscrowd` = 1, uncompressed RLE). `test.json` has no annotations.

    The annotation files appear when all photos are in place, `train.json` last: where it stands, the set is complete.

    Args:
        folder: new, empty, or what the same arguments left when they were cut off.
        num_images: of all splits together, at least 6.
        image_size: side of the square photos in px, at least 64.
        seed: not negative.

    Returns:
        Number of photos per split.

    Raises:
        BadInput: an argument is out of its range, or the folder holds something else already.
    """
    _check_arguments(folder, num_images, image_size, seed)
    photos = plan_photos(num_images, np.random.default_rng([seed, 0]))

    def draw(number: int) -> tuple[Array, list[PlacedObject]]:
        return draw_photo(photos[number].objects, image_size, np.random.default_rng([seed, number + 1]))

    numbers = {photo.file_name: number for number, photo in enumerate(photos)}
    _refuse_others(folder, lambda name: _jpeg(draw(numbers[name])[0]) if name in numbers else None)
    documents = {split: _empty_document() for split in SPLITS}
    for number, photo in enumerate(photos):
        pixels, placed = draw(number)
        _write_jpeg(folder / photo.file_name, pixels)
        _add_photo(documents[photo.split], photo.file_name, placed, image_size)
    del documents["test"]["annotations"]
    for split in reversed(SPLITS):
        write_text(folder / f"{split}.json", json.dumps(documents[split], separators=(",", ":")) + "\n")
    return {split: len(documents[split]["images"]) for split in SPLITS}


def plan_photos(num_images: int, rng: Rng) -> list[PlannedPhoto]:
    """Deal photos to splits and folders, and objects to photos.

    Args:
        num_images: at least 6.
    """
    num_held_out = max(1, round(num_images / 6))
    splits = np.array(["val", "test"] * num_held_out + ["train"] * (num_images - 2 * num_held_out))
    rng.shuffle(splits)
    photos = []
    for batch, dealt in zip(BATCHES, np.array_split(splits, len(BATCHES)), strict=True):
        photos += [PlannedPhoto(f"{batch}/{number:04}.jpg", str(split), []) for number, split in enumerate(dealt, 1)]
    for split in SPLITS:
        members = [photo for photo in photos if photo.split == split]
        for photo, objects in zip(members, deal_objects(len(members), rng), strict=True):
            photo.objects += objects
    if num_images >= MIN_IMAGES_WITH_CROWD:
        roomy = [photo for photo in photos if photo.split == "train" and len(photo.objects) < MAX_OBJECTS]
        for photo in roomy[:NUM_CROWDS]:
            photo.objects.append(CROWD)
    return photos


def deal_objects(num_photos: int, rng: Rng) -> list[list[str]]:
    """Choose the objects of each photo of one split: 1 to 6, drawn by `SHARES`.

    Every class occurs once at least; a single photo has room for the six rarest only.
    """
    counts = rng.choice(np.arange(MAX_OBJECTS) + 1, size=num_photos, p=NUM_OBJECTS_SHARES)
    owed = RAREST_FIRST[: MAX_OBJECTS * num_photos]
    while counts.sum() < len(owed):
        counts[counts.argmin()] += 1
    drawn = rng.choice(list(SHARES), size=counts.sum() - len(owed), p=list(SHARES.values()))
    objects = rng.permutation(np.concatenate([owed, drawn]))
    return [part.tolist() for part in np.split(objects, counts.cumsum()[:-1])]


def _check_arguments(folder: Path, num_images: int, image_size: int, seed: int) -> None:
    for name, value, low in (
        ("`--images`", num_images, MIN_IMAGES),
        ("image_size", image_size, MIN_SIZE_PX),
        ("`--seed`", seed, 0),
    ):
        if value < low:
            raise BadInput(f"The value of {name} is {value}, but must be at least {low}. Raise it.")
    if num_images > MAX_IMAGES:
        raise BadInput(f"The value of `--images` is {num_images}, but must be at most {MAX_IMAGES}. Lower it.")
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file, but must be a folder or a new name. Name another folder.")


def _refuse_others(folder: Path, drawn: Callable[[str], bytes | None]) -> None:
    """Refuse a folder that holds anything but what these arguments write, cut off before `train.json`.

    Args:
        drawn: content of a photo by its name; None where no photo has that name.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink() or name.endswith(SUFFIX):
            continue
        if not path.is_file() or not _was_cut_off(folder, name) and path.read_bytes() != drawn(name):
            raise BadInput(
                f"{folder} holds {name} already, but sample data is written only into a new or empty folder, or where "
                "the same command was cut off, so that no data is lost. Name another folder or remove that one."
            )


def _was_cut_off(folder: Path, name: str) -> bool:
    """Whether a file is an annotation file of ours, of a set that was killed before it got its `train.json`."""
    if name not in ("val.json", "test.json"):
        return False
    try:
        return not (folder / "train.json").exists() and read_json(folder / name)["info"]["description"] == ORIGIN
    except (BadInput, KeyError, TypeError):
        return False


def _empty_document() -> dict[str, Any]:
    categories = [{"id": number, "name": name, "supercategory": name} for number, name in enumerate(SHARES, start=1)]
    return {
        "info": {"description": ORIGIN},
        "images": [],
        "categories": categories,
        "annotations": [],
    }


def _add_photo(document: dict[str, Any], file_name: str, placed: Sequence[PlacedObject], size: int) -> None:
    """Append a photo and its annotations; ids count from 0 in every document."""
    image_id = len(document["images"])
    document["images"].append({"id": image_id, "file_name": file_name, "width": size, "height": size})
    for thing in placed:
        crowd = thing.name == CROWD
        low, high = thing.outline.min(axis=0), thing.outline.max(axis=0)
        document["annotations"].append(
            {
                "id": len(document["annotations"]),
                "image_id": image_id,
                "category_id": 1 + list(SHARES).index(CROWD_CATEGORY if crowd else thing.name),
                "segmentation": _run_lengths(thing.outline, size) if crowd else [thing.outline.ravel().tolist()],
                "area": thing.area,
                "bbox": [*low.tolist(), *np.round(high - low, 2).tolist()],
                "iscrowd": int(crowd),
            }
        )


def _run_lengths(outline: Array, size: int) -> dict[str, list[int]]:
    """Return COCO's uncompressed RLE of a polygon: lengths of runs down the columns, the first one outside."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(outline - 0.5).astype(np.int32)], 1)
    column_major = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(column_major, prepend=0))
    return {"size": [size, size], "counts": np.diff(changes, prepend=0, append=size * size).tolist()}


def _jpeg(pixels: Array) -> bytes:
    """The file of an RGB photo."""
    encoded, data = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    assert encoded, "OpenCV encodes every 8-bit RGB array"
    return data.tobytes()


def _write_jpeg(path: Path, pixels: Array) -> None:
    """Write an RGB photo atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_bytes(path) as stream:
        stream.write(_jpeg(pixels))
