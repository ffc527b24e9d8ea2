"""Cache folders: built once under a lock, keyed by the state of their sources, never half-written."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from trashseg_core.data.coco import Split
from trashseg_core.data.folder import DataFolder
from trashseg_core.disk.files import atomic_folder
from trashseg_core.disk.locks import locked
from trashseg_core.disk.ownership import fault_of
from trashseg_core.errors import BadInput

Opened = TypeVar("Opened")
Progress = Callable[[int, int], None]
"""Called with (done, total) while something long is under way."""


def cache_root() -> Path:
    """Folder of all caches: `$TRASHSEG_CACHE`, else `$XDG_CACHE_HOME/trashseg`, else `~/.cache/trashseg`."""
    given = os.environ.get("TRASHSEG_CACHE")
    if given:
        return Path(given).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trashseg"


def others_in(root: Path) -> str | None:
    """Say why somebody else may have put arrays, or compiled code, into a folder of caches, or return None."""
    return fault_of(root, root.stat()) if root.exists() else None


def state_key(folder: DataFolder, split: Split, **rules: Any) -> str:
    """Hash everything that decides a cache's content, without reading a photo (`identity.data_digest` reads them).

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
    digest.update(json.dumps([rules, content_choices(folder), photos], sort_keys=True).encode())
    return digest.hexdigest()[:16]


def slot_name(kind: str, folder: DataFolder, path: Path, size: int | None = None) -> str:
    """Name what a cache is for: the same for every content that the same choices may give over time.

    Args:
        kind: what the cache holds.
        path: annotation file of the split.
        size: training size in px, where the content depends on it.
    """
    return json.dumps([kind, str(path), size, content_choices(folder)])


def content_choices(folder: DataFolder) -> list[Any]:
    """The choices of a data folder that change what is read from it; without `skip_bad` a cap only refuses."""
    return [folder.background_category, folder.skip_bad, float(folder.max_megapixels) if folder.skip_bad else None]


def open_cached(slot: str, key: str, build: Callable[[Path], None], load: Callable[[Path], Opened]) -> Opened:
    """Load the cache folder of `key`, building it first if it does not exist.

    A search whose data changed may remove the folder just before it is loaded; it is then built once more. What is
    mapped already stays readable.

    Args:
        slot: see `cached_folder`.
        build: fills an empty folder.
        load: opens a filled one.

    Raises:
        BadInput: the cache root cannot be written, what is there is damaged, or `build` refuses the data.
    """
    try:
        return _load(load, cached_folder(slot, key, build))
    except FileNotFoundError:
        return _load(load, cached_folder(slot, key, build))


def _load(load: Callable[[Path], Opened], path: Path) -> Opened:
    try:
        return load(path)
    except (ValueError, KeyError, TypeError, EOFError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise BadInput(f"{path}: the cache is damaged ({reason}). Remove this folder; it is made again.") from None


def cached_folder(slot: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the cache folder of `key`, building it first if it does not exist.

    Args:
        slot: what the cache is for; folders of the same slot with another key are stale and removed.
        build: fills an empty folder.

    Raises:
        BadInput: the cache root cannot be written, or others can write there.
    """
    root = cache_root()
    if fault := others_in(root):
        raise BadInput(f"{root}: the cache is not yours alone: {fault}. Set TRASHSEG_CACHE to a folder of your own.")
    name = hashlib.sha256(slot.encode()).hexdigest()[:12]
    path = root / f"{name}-{key}"
    if path.is_dir():
        return path
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / f".{name}.lock"):
            if not path.is_dir():
                _remove_hidden(root, name)
                with atomic_folder(path) as temporary:
                    build(temporary)
                for stale in root.glob(f"{name}-*"):
                    if stale != path:
                        stale.rename(root / f".{stale.name}.stale")  # whole or gone under its name
                _remove_hidden(root, name)
    except OSError as error:
        raise BadInput(
            f"{root}: the cache cannot be written ({error.strerror}). Set TRASHSEG_CACHE to a folder with space."
        ) from None
    return path


def _remove_hidden(root: Path, name: str) -> None:
    """Remove stale folders of a slot, and what a killed builder left; the slot's lock is held."""
    for leftover in root.glob(f".{name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
