"""Cache folders: built once under a lock, keyed by content, never half-written."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trashseg_core.data.coco import Split
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput
from trashseg_core.files import atomic_folder, locked

Progress = Callable[[int, int], None]
"""Called with (done, total) while something long is under way."""


def cache_root() -> Path:
    """Folder of all caches: `$TRASHSEG_CACHE`, else `$XDG_CACHE_HOME/trashseg`, else `~/.cache/trashseg`."""
    given = os.environ.get("TRASHSEG_CACHE")
    if given:
        return Path(given).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trashseg"


def content_key(folder: DataFolder, split: Split, **rules: Any) -> str:
    """Hash everything that decides a cache's content.

    Args:
        rules: further values that decide it, e.g. size and paint rule.

    Returns:
        Hex digest over the annotation file's bytes, each photo's name, size and mtime, and the rules.
    """
    photos = []
    for photo in split.photos:
        stat = folder.photo_path(photo).stat()
        photos.append((photo.file_name, stat.st_size, stat.st_mtime_ns))
    digest = hashlib.sha256(split.path.read_bytes())
    choices = (folder.background_category, folder.skip_bad)
    digest.update(json.dumps([rules, choices, photos], sort_keys=True).encode())
    return digest.hexdigest()[:16]


def cached_folder(slot: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the cache folder of `key`, building it first if it does not exist.

    Args:
        slot: what the cache is for; folders of the same slot with another key are stale and removed.
        build: fills an empty folder.

    Raises:
        BadInput: the cache root cannot be written.
    """
    root = cache_root()
    name = hashlib.sha256(slot.encode()).hexdigest()[:12]
    path = root / f"{name}-{key}"
    if path.is_dir():
        return path
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / f".{name}.lock"):
            if not path.is_dir():
                with atomic_folder(path) as temporary:
                    build(temporary)
                for stale in root.glob(f"{name}-*"):
                    if stale != path:
                        shutil.rmtree(stale, ignore_errors=True)
    except OSError as error:
        raise BadInput(
            f"{root}: the cache cannot be written ({error.strerror}). Set TRASHSEG_CACHE to a folder with space."
        ) from None
    return path
