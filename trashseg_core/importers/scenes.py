"""Which photos of TACO show the same scene, as far as its annotation file tells."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from trashseg_core.data.coco import Photo


def scene_keys(document: dict[str, Any], photos: Sequence[Photo]) -> dict[int, str]:
    """Name the scene of each photo, as far as TACO's annotation file tells scenes apart.

    A scene is a run of photos that follow one another in a batch folder (the numbers in the file names are the order
    in which they were taken up), while they come from the same upload folder (`flickr_url` without its last part: for
    OpenLitterMap's photos the day or the user) and share a kind of ground with the photo before (`scene_annotations`).
    That errs towards too few cuts: 398 scenes in 1,500 photos, the longest of 89 photos.

    What the file cannot give: `date_captured` is empty, and Flickr's photo numbers come from several counters and were
    given out at a bulk upload. A whole batch (15 in all) would be safer still, but cannot be stratified: some classes
    are in one or two batches only.

    Args:
        document: the annotation file; what is missing or malformed in it cuts nothing.
        photos: all that it lists, those that are lost too, so that they do not move the cuts.

    Returns:
        Key by photo id.
    """
    uploads = {
        entry["id"]: entry["flickr_url"].rpartition("/")[0]
        for entry in document["images"]
        if isinstance(entry.get("flickr_url"), str)
    }
    grounds = _grounds(document)

    def is_cut(before: Photo, photo: Photo) -> bool:
        one, other = uploads.get(before.id), uploads.get(photo.id)
        old_ground, ground = grounds.get(before.id), grounds.get(photo.id)
        return bool((one and other and one != other) or (old_ground and ground and not old_ground & ground))

    batches: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        batches[str(PurePosixPath(photo.file_name).parent)].append(photo)
    keys: dict[int, str] = {}
    for batch, members in batches.items():
        members.sort(key=_place)
        scene = 0
        for before, photo in zip([members[0], *members], members, strict=False):
            scene += is_cut(before, photo)
            keys[photo.id] = f"{batch} scene {scene}"
    return keys


def _grounds(document: dict[str, Any]) -> dict[int, set[int]]:
    """Ids of the kinds of ground (`scene_categories`) that each photo shows."""
    grounds: dict[int, set[int]] = defaultdict(set)
    entries = document.get("scene_annotations")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("background_ids"), list):
            known = {value for value in entry["background_ids"] if isinstance(value, int)}
            grounds[entry["image_id"] if isinstance(entry.get("image_id"), int) else -1] |= known
    return grounds


def _place(photo: Photo) -> tuple[int, str]:
    """Where a photo stands in its folder: by the last number in its name."""
    numbers = re.findall(r"\d+", PurePosixPath(photo.file_name).stem)
    return int(numbers[-1]) if numbers else 0, photo.file_name
