"""ObjectBank: every annotated object of the training photos, cut out once, memory-mapped."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from trashseg_core.data.cache_store import open_cached, slot_name, state_key
from trashseg_core.data.coco import Photo, Split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import IGNORED, PAINT_RULE, paint_order
from trashseg_core.data.photos import read_photo
from trashseg_core.data.resize import fit_photo
from trashseg_core.errors import BadInput

LAYOUT = 3
MIN_AREA_PX = 12
"""Objects with fewer visible pixels at the training size show nothing worth pasting."""
MAX_SHARE = 0.5
"""Larger objects are shrunk to this share of the training side: two or three have room beside a photo's own."""


@dataclass(frozen=True)
class ObjectBank:
    """M objects cut out of the raw photos of the train split."""

    pixels: np.ndarray
    """uint8 (total px, 4): RGB times alpha, and alpha, of all crops, one after another."""
    starts: np.ndarray
    """int64 (M,): first pixel of each crop."""
    shapes: np.ndarray
    """int64 (M, 2): height and width of each crop in px."""
    labels: np.ndarray
    """int64 (M,): class of each object."""

    def __len__(self) -> int:
        return len(self.labels)

    def crop(self, index: int) -> np.ndarray:
        """One object, uint8 (h, w, 4): RGB times alpha / 255, and alpha, which is 0 along the border."""
        height, width = self.shapes[index]
        start = self.starts[index]
        return self.pixels[start : start + height * width].reshape(height, width, 4)


def open_bank(folder: DataFolder, size: int) -> ObjectBank:
    """Open the bank of the train split at a training size, cutting it first where it is missing or stale.

    The objects come from the decoded photos themselves, never from normalised or augmented tensors, and never from
    another split.

    Raises:
        BadInput: the split or a photo cannot be used, or no object is large enough.
    """
    split = folder.read("train")
    key = state_key(folder, split, layout=LAYOUT, size=size, paint=PAINT_RULE, areas=(MIN_AREA_PX, MAX_SHARE))
    slot = slot_name("objects", folder, split.path, size)
    bank = open_cached(slot, key, lambda target: _build(target, folder, split, size), _load)
    if not len(bank):
        raise BadInput(f"{split.path}: no object of at least {MIN_AREA_PX} px at {size} px. Set `augmix_ratio=0`.")
    return bank


def _load(path: Path) -> ObjectBank:
    table = json.loads((path / "objects.json").read_text(encoding="utf-8"))
    shapes, labels = np.array(table["shapes"], np.int64).reshape(-1, 2), np.array(table["labels"], np.int64)
    areas = shapes[:, 0] * shapes[:, 1]
    pixels = np.asarray(np.load(path / "pixels.npy", mmap_mode="r"))  # still mapped; slices of a plain array are faster
    return ObjectBank(pixels, np.cumsum(areas) - areas, shapes, labels)


def cut_objects(
    rgb: np.ndarray, stacked: Iterable[tuple[int, np.ndarray, int]], size: int
) -> list[tuple[np.ndarray, int]]:
    """Cut the visible part of each object out of one photo, at the training size.

    The mask is taken at the photo's own resolution and shrunk with its pixels, so that a pixel on the edge gets the
    mean colour of the object alone, not of what lay behind it.

    Args:
        rgb: uint8 (H, W, 3), the decoded photo.
        stacked: masks and labels, the topmost first (`label_maps.paint_order`).
        size: side of the training square in px.

    Returns:
        (crop uint8 (h, w, 4), label) of every object that is not background, crowd or tiny; see `ObjectBank.crop`.
    """
    crops, covered = [], np.zeros(rgb.shape[:2], bool)
    for _, mask, label in stacked:
        visible = (mask & ~covered).astype(np.uint8) * 255
        covered |= mask
        if label in (0, IGNORED) or not visible.any():
            continue
        whole = np.dstack([cv2.bitwise_and(rgb, rgb, mask=visible), visible])
        share = max(cv2.boundingRect(visible)[2:]) / max(visible.shape)
        fitted = fit_photo(whole, round(size * min(1, MAX_SHARE / share)))
        if (fitted[..., 3] > 127).sum() < MIN_AREA_PX:
            continue
        left, top, width, height = cv2.boundingRect(fitted[..., 3])
        crops.append((_feathered(fitted[top : top + height, left : left + width]), label))
    return crops


def _feathered(crop: np.ndarray) -> np.ndarray:
    """Soften the edge of a crop, uint8 (h, w, 4), by a pixel; returns uint8 (h + 2, w + 2, 4).

    Colours inside stay as they are; on the edge and just outside, those of the neighbours are carried on.
    """
    padded = cv2.copyMakeBorder(crop, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0)).astype(np.float32)
    blurred = cv2.GaussianBlur(padded, (3, 3), 0, borderType=cv2.BORDER_CONSTANT)
    inside = padded[..., 3:] > 127
    colours = np.where(inside, padded, blurred)[..., :3] / np.where(inside, padded, blurred)[..., 3:].clip(1e-6)
    soft = blurred[..., 3:].round()
    return np.concatenate([colours * soft, soft], axis=2).round().clip(0, 255).astype(np.uint8)


def _build(target: Path, folder: DataFolder, split: Split, size: int) -> None:
    labels, _ = folder.labels(split)

    def cut(photo: Photo) -> list[tuple[np.ndarray, int]]:
        rgb = _read(folder, photo)
        if rgb is None:
            return []
        own = split.annotations[photo.id]
        return cut_objects(rgb, paint_order(own, labels, photo.height, photo.width, top_first=True), size)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        crops = [crop for found in pool.map(cut, split.photos) for crop in found]
    pixels = [crop.reshape(-1, 4) for crop, _ in crops]
    np.save(target / "pixels.npy", np.concatenate(pixels) if pixels else np.zeros((0, 4), np.uint8))
    table = {"shapes": [crop.shape[:2] for crop, _ in crops], "labels": [label for _, label in crops]}
    (target / "objects.json").write_text(json.dumps(table), encoding="utf-8")


def _read(folder: DataFolder, photo: Photo) -> np.ndarray | None:
    try:
        return read_photo(folder.photo_path(photo), (photo.height, photo.width), folder.max_megapixels)
    except BadInput:
        if folder.skip_bad:
            return None
        raise
