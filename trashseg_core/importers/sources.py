"""Finding the photos of a source folder; nothing is written into it, and no link leads out of it unasked."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from trashseg_core.data.names import CONTROL_CHARACTERS
from trashseg_core.data.photos import PHOTO_SUFFIXES
from trashseg_core.errors import BadInput
from trashseg_core.importers.options import ImportOptions

Item = TypeVar("Item")
Result = TypeVar("Result")


def list_photos(folder: Path, source: Path, options: ImportOptions) -> list[Path]:
    """List the photos in a folder and its subfolders, sorted by path; hidden files and folders do not count.

    Args:
        source: folder that the links must not lead out of.

    Raises:
        BadInput: an entry is a link out of the source, no regular file, or has a name that no JSON file should hold.
    """
    photos = []
    for place, folders, files in os.walk(folder, followlinks=options.follow_links):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        named = [name for name in files if name.lower().endswith(PHOTO_SUFFIXES) and not name.startswith(".")]
        for name in folders:
            check_inside(Path(place, name), source, options)
        for name in named:
            path = Path(place, name)
            if re.search(CONTROL_CHARACTERS + "|[\ud800-\udfff]", str(path.relative_to(folder))):
                raise BadInput(f"{str(path)!r} holds a control character or no valid Unicode text. Rename the photo.")
            check_inside(path, source, options)
            if not path.is_file():
                raise BadInput(f"{path}: not a regular file. Put the photo itself there.")
            photos.append(path)
    return sorted(photos)


def check_inside(path: Path, source: Path, options: ImportOptions) -> None:
    """Refuse a path that leads out of the source.

    Raises:
        BadInput: with the flag that allows it.
    """
    if not options.follow_links and not Path(os.path.realpath(path)).is_relative_to(source.resolve()):
        raise BadInput(f"{path}: the link leads out of {source}. Add `--follow-links` to accept that.")


def copy_photo(source: Path, target: Path) -> str:
    """Copy a photo's bytes, making folders as needed; return their hash."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return file_hash(target)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def in_threads(
    work: Callable[[Item], Result], items: list[Item], progress: Callable[[int, int], None] | None
) -> Iterator[Result]:
    """Run `work` for each item on all cores; yield what each returned, in order. The first error is raised."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for done, result in enumerate(pool.map(work, items), 1):
                yield result
                if progress:
                    progress(done, len(items))
        finally:
            pool.shutdown(cancel_futures=True)  # after an error or Ctrl-C nobody wants the rest
