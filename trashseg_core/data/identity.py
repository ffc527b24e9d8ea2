"""What a split holds, told by content: the same for every copy of a data folder, wherever it lies."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trashseg_core.data.cache_store import content_choices, open_cached, slot_name, state_key
from trashseg_core.data.coco import Photo, Split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.photos import MAX_BYTES_PER_PX
from trashseg_core.disk.files import file_digest, write_text
from trashseg_core.errors import BadInput

LAYOUT = 1
"""Raised whenever the hash changes its meaning."""
FILE = "digest.txt"


def data_digest(folder: DataFolder, split: Split) -> str:
    """Hash a split's annotation file, the bytes of its photos, and the choices that decide what is read from them.

    Photos are read once: the hash is kept among the caches until the size or the time of a file changes.

    Args:
        split: what `folder.read` returned.

    Returns:
        16 hexadecimal digits.
    """

    def build(target: Path) -> None:
        write_text(target / FILE, _digest(folder, split))

    try:
        slot = slot_name("digest", folder, split.path)
        return open_cached(slot, state_key(folder, split, layout=LAYOUT), build, _load)
    except BadInput:  # a cache that cannot be used costs time, no more
        return _digest(folder, split)


def _load(path: Path) -> str:
    return (path / FILE).read_text(encoding="ascii")


def _digest(folder: DataFolder, split: Split) -> str:
    most = folder.max_megapixels * 1e6 * MAX_BYTES_PER_PX

    def look(photo: Photo) -> tuple[str, int, str | None]:
        path = folder.photo_path(photo)
        size = path.stat().st_size
        try:
            return photo.file_name, size, file_digest(path) if size <= most else None
        except OSError:  # whoever decodes it says so
            return photo.file_name, size, None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        photos = list(pool.map(look, split.photos))
    digest = hashlib.sha256(split.path.read_bytes())
    digest.update(json.dumps([LAYOUT, content_choices(folder), photos], sort_keys=True).encode())
    return digest.hexdigest()[:16]
