"""Writing a COCO annotation file of photos that are there already."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trashseg_core.data.coco import Annotation, Photo
from trashseg_core.disk.files import write_text


def write_split(
    path: Path,
    photos: Iterable[tuple[Photo, Sequence[Annotation]]],
    categories: Mapping[int, str],
    info: Mapping[str, Any] | None = None,
) -> None:
    """Write an annotation file atomically; ids of photos and annotations are new and count from 0.

    Args:
        photos: each with its annotations, which keep their order: it decides what is painted over what.
        categories: name by id.
        info: what the file should say of itself.
    """
    document: dict[str, Any] = {"info": dict(info or {}), "images": [], "annotations": []}
    document["categories"] = [{"id": number, "name": name} for number, name in categories.items()]
    for image_id, (photo, annotations) in enumerate(photos):
        size = {"height": photo.height, "width": photo.width}
        document["images"].append({"id": image_id, "file_name": photo.file_name, **size})
        for annotation in annotations:
            entry = {
                "id": len(document["annotations"]),
                "image_id": image_id,
                "category_id": annotation.category_id,
                "segmentation": annotation.segmentation,
                "iscrowd": int(annotation.iscrowd),
            }
            document["annotations"].append(entry if annotation.area is None else {**entry, "area": annotation.area})
    write_text(path, json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n")
