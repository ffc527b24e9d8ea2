"""CachedSplit: the photos and label maps of a split as memory-mapped arrays, decoded once."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trashseg_core.data.cache_store import Progress, cached_folder, content_key
from trashseg_core.data.coco import Photo, Split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import IGNORED, PAINT_RULE, paint
from trashseg_core.data.photos import read_photo
from trashseg_core.data.resize import fit_label_map, fit_photo, fitted_size

LAYOUT = 1
"""Raised whenever the files of a cache folder change their meaning."""


@dataclass(frozen=True)
class CachedSplit:
    """A split in arrays; N photos, S = the training size. All processes of a machine share the pages."""

    images: np.ndarray
    """uint8 (N, S, S, 3), RGB, longer side scaled to S, padded to the right and below."""
    labels: np.ndarray
    """uint8 (N, S, S), the label maps at the same size; 255 = ignored, padding included."""
    native: np.ndarray
    """uint8 (sum of H·W,), the label maps as painted, one after another."""
    sizes: np.ndarray
    """int64 (N, 2), native height and width in px."""
    file_names: list[str]
    class_names: list[str]
    """By label; the first is the background."""
    key: str
    """Hash of the content: the same key, the same arrays."""

    @property
    def num_classes(self) -> int:
        """Number of labels, the background included."""
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self.file_names)

    def truth(self, index: int) -> np.ndarray:
        """Label map of one photo at its native size, uint8 (H, W)."""
        areas = self.sizes[:, 0] * self.sizes[:, 1]
        start = int(areas[:index].sum())
        return self.native[start : start + int(areas[index])].reshape(self.sizes[index])

    def extent(self, index: int) -> tuple[int, int]:
        """Height and width in px that the photo fills of its S × S square."""
        height, width = self.sizes[index]
        return fitted_size(int(height), int(width), self.images.shape[1])


def open_split(
    folder: DataFolder, split: str, size: int, progress: Progress | None = None, checked: Split | None = None
) -> CachedSplit:
    """Open the cache of `train` or `val`, building it first where it is missing or stale.

    Args:
        size: side S in px.
        checked: what `folder.read(split)` returned, to save reading it again.

    Raises:
        BadInput: the split or a photo cannot be used.
    """
    source = checked or folder.read(split)
    key = content_key(folder, source, layout=LAYOUT, size=size, paint=PAINT_RULE)
    slot = f"split {folder.split_path(split)} {size}"
    path = cached_folder(slot, key, lambda target: _build(target, folder, source, size, progress))
    table = json.loads((path / "table.json").read_text(encoding="utf-8"))
    arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in ("images", "labels", "native")}
    sizes = np.array(table["sizes"], np.int64).reshape(-1, 2)
    return CachedSplit(**arrays, sizes=sizes, file_names=table["file_names"], class_names=table["class_names"], key=key)


def _build(target: Path, folder: DataFolder, split: Split, size: int, progress: Progress | None) -> None:
    """Decode, paint and scale every photo of a split into the files of a cache folder."""
    labels, class_names = folder.labels(split)
    photos, failed = split.photos, []
    sizes = [(photo.height, photo.width) for photo in photos]
    starts = np.concatenate([[0], np.cumsum([height * width for height, width in sizes])])
    create = np.lib.format.open_memmap
    images = create(target / "images.npy", "w+", np.uint8, (len(photos), size, size, 3))
    maps = create(target / "labels.npy", "w+", np.uint8, (len(photos), size, size))
    native = create(target / "native.npy", "w+", np.uint8, (int(starts[-1]),))

    def put(index: int, photo: Photo) -> None:
        painted = paint(split.annotations[photo.id], labels, photo.height, photo.width)
        native[starts[index] : starts[index + 1]] = painted.ravel()
        maps[index] = fit_label_map(painted, size)
        images[index] = fit_photo(read_photo(folder.photo_path(photo), sizes[index]), size)

    for index, error in enumerate(_in_threads(put, photos)):
        if error is not None and not folder.skip_bad:
            raise error
        if error is not None:
            failed.append(index)
        if progress:
            progress(index + 1, len(photos))
    for index in failed:  # a bad photo found only by decoding: keep its row, let nothing count
        images[index], maps[index] = 0, IGNORED
        native[starts[index] : starts[index + 1]] = IGNORED
    for array in (images, maps, native):
        array.flush()
    table = {"sizes": sizes, "file_names": [photo.file_name for photo in photos], "class_names": class_names}
    (target / "table.json").write_text(json.dumps(table), encoding="utf-8")


def _in_threads(put, photos: list[Photo]) -> Iterator[Exception | None]:  # type: ignore[no-untyped-def]
    """Run `put(index, photo)` on all cores; yield what each raised, in order."""

    def attempt(index: int) -> Exception | None:
        try:
            put(index, photos[index])
        except ValueError as error:
            return error
        return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(attempt, range(len(photos)))
