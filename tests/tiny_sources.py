"""Tiny data sets of other people's layouts, and what became of them."""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.tiny import annotation, coco


def blocks(seed: int, height: int = 60, width: int = 80) -> np.ndarray:
    """A picture of random blocks of 10 px, uint8 (height, width, 3)."""
    small = np.random.default_rng(seed).integers(0, 256, (height // 10, width // 10, 3), dtype=np.uint8)
    return small.repeat(10, axis=0).repeat(10, axis=1)


def write_taco(source: Path, **replaced: Any) -> Path:
    """Write a TACO of 12 photos of 60 x 80 px, each a scene with one square; Drink can (0) and Shoe (7) alternate."""
    images = [
        {"id": number, "file_name": f"batch_1/{number:06}.JPG", "height": 60, "width": 80} for number in range(12)
    ]
    for entry in images:
        path = source / str(entry["file_name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(blocks(int(entry["id"]))).save(path, format="JPEG")
    content = {
        "images": images,
        "categories": [{"id": 0, "name": "Drink can"}, {"id": 7, "name": "Shoe"}],
        "annotations": [annotation(number, 7 * (number % 2)) for number in range(12)],
        "scene_annotations": [{"image_id": number, "background_ids": [number]} for number in range(12)],
    }
    (source / "annotations.json").write_text(json.dumps(coco(**{**content, **replaced})), encoding="utf-8")
    return source


def read_splits(folder: Path) -> dict[str, dict[str, Any]]:
    """The annotation files of a data folder, by split."""
    return {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("train", "val", "test")
        if (folder / f"{name}.json").exists()
    }


def photos_by_stem(folder: Path) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Entry and annotations of each photo of a data folder."""
    found = {}
    for split in read_splits(folder).values():
        for photo in split["images"]:
            own = [entry for entry in split["annotations"] if entry["image_id"] == photo["id"]]
            found[Path(photo["file_name"]).stem] = (photo, own)
    return found


def files_of(folder: Path) -> dict[str, bytes]:
    """Content of every file below a folder, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def label_map(seed: int, height: int = 60, width: int = 80, values: tuple[int, ...] = (0, 1, 2, 3, 255)) -> np.ndarray:
    """A label map of single pixels and large blocks, every value at least once, uint8 (height, width)."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(values, (height // 10, width // 10)).repeat(10, axis=0).repeat(10, axis=1).astype(np.uint8)
    labels[::7, ::5] = rng.choice(values, labels[::7, ::5].shape)
    labels[0, : len(values)] = values
    return labels


def write_pairs(images: Path, masks: Path, labels: dict[str, np.ndarray], ending: str = "") -> None:
    """Write a JPEG photo of blocks for each label map, and the map as PNG; an RGB one as it is."""
    for name, array in labels.items():
        for folder in (images / name, masks / name):
            folder.parent.mkdir(parents=True, exist_ok=True)
        seed = zlib.crc32(f"{images.name}/{name}".encode())
        Image.fromarray(blocks(seed, *array.shape[:2])).save(images / f"{name}.jpg")
        Image.fromarray(array).save(masks / f"{name}{ending}.png")


def write_yolo(source: Path, splits: dict[str, dict[str, str]], names: str = "[can, shoe]") -> Path:
    """Write a YOLO export of photos of 60 x 80 px, with the given label text by split and stem."""
    lines = [f"names: {names}", *(f"{split}: ../{split}/images" for split in splits)]
    for number, (split, labels) in enumerate(splits.items()):
        for folder in ("images", "labels"):
            (source / split / folder).mkdir(parents=True, exist_ok=True)
        for index, (stem, text) in enumerate(labels.items()):
            Image.fromarray(blocks(1000 * number + index)).save(source / split / "images" / f"{stem}.jpg")
            (source / split / "labels" / f"{stem}.txt").write_text(text, encoding="utf-8")
    (source / "data.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return source
