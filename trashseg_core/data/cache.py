"""CachedSplit: the photos and label maps of a split as memory-mapped arrays, decoded once."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from trashseg_core.data.array_file import ArrayFile
from trashseg_core.data.cache_store import Progress, open_cached, slot_name, state_key
from trashseg_core.data.coco import Photo, Split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import PAINT_RULE, paint
from trashseg_core.data.photos import read_photo
from trashseg_core.data.resize import fit_label_map, fit_photo, fitted_size
from trashseg_core.errors import BadInput

LAYOUT = 2
"""Raised whenever the files of a cache folder change their meaning."""
Result = TypeVar("Result")


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
    num_skipped: int = 0
    """Photos that `skip_bad` left out because they cannot be decoded."""

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
    key = state_key(folder, source, layout=LAYOUT, size=size, paint=PAINT_RULE)
    slot = slot_name("split", folder, source.path, size)
    return open_cached(
        slot, key, lambda target: _build(target, folder, source, size, progress), lambda path: _load(path, key)
    )


def _load(path: Path, key: str) -> CachedSplit:
    table = json.loads((path / "table.json").read_text(encoding="utf-8"))
    arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in ("images", "labels", "native")}
    sizes = np.array(table["sizes"], np.int64).reshape(-1, 2)
    return CachedSplit(
        **arrays,
        sizes=sizes,
        file_names=table["file_names"],
        class_names=table["class_names"],
        key=key,
        num_skipped=table["num_skipped"],
    )


def _build(target: Path, folder: DataFolder, split: Split, size: int, progress: Progress | None) -> None:
    """Decode, paint and scale the photos of a split into the files of a cache folder."""
    labels, class_names = folder.labels(split)
    photos = usable_photos(folder, split)
    sizes = [(photo.height, photo.width) for photo in photos]
    starts = np.concatenate([[0], np.cumsum([height * width for height, width in sizes])])
    images = ArrayFile(target / "images.npy", (len(photos), size, size, 3))
    maps = ArrayFile(target / "labels.npy", (len(photos), size, size))
    native = ArrayFile(target / "native.npy", (int(starts[-1]),))

    def put(index: int, photo: Photo) -> None:
        rgb = _decode(folder, photo)  # first: painting takes memory for the size that the annotation file states
        painted = paint(split.annotations[photo.id], labels, photo.height, photo.width)
        native.put(int(starts[index]), painted)
        maps.put(index, fit_label_map(painted, size))
        images.put(index, fit_photo(rgb, size))

    with closing(images), closing(maps), closing(native):
        for done, _ in enumerate(_in_threads(put, photos), 1):
            if progress:
                progress(done, len(photos))
    table = {
        "sizes": sizes,
        "file_names": [photo.file_name for photo in photos],
        "class_names": class_names,
        "num_skipped": len(split.photos) - len(photos),
    }
    (target / "table.json").write_text(json.dumps(table), encoding="utf-8")


def usable_photos(folder: DataFolder, split: Split) -> list[Photo]:
    """The photos of a split; with `skip_bad` those that can be decoded: a bad one must not count, not even as an
    ignored row.

    Raises:
        BadInput: none can.
    """

    def fault(index: int, photo: Photo) -> BadInput | None:
        try:
            _decode(folder, photo)
        except BadInput as error:
            return error
        return None

    if not folder.skip_bad:
        return split.photos
    faults = list(_in_threads(fault, split.photos))
    good = [photo for photo, error in zip(split.photos, faults, strict=True) if error is None]
    if not good:
        raise BadInput(f"{split.path}: no usable photo is left. First: {faults[0]}")
    return good


def _decode(folder: DataFolder, photo: Photo) -> np.ndarray:
    return read_photo(folder.photo_path(photo), (photo.height, photo.width), folder.max_megapixels)


def _in_threads(work: Callable[[int, Photo], Result], photos: list[Photo]) -> Iterator[Result]:
    """Run `work(index, photo)` on all cores; yield what each returned, in order. The first error is raised."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(work, range(len(photos)), photos)
