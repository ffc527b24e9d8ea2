"""Temporary files and folders: hidden beside what they are to become, and removed when their writer was killed."""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUFFIX = ".trashseg"
"""Ends the names, so that no other program's file is taken for one."""
_NAME = re.compile(rf"\..+\.[a-z0-9_]{{8}}{re.escape(SUFFIX)}")
_seen: set[Path] = set()
"""Folders that this process has looked through: what it writes itself leaves nothing."""


@contextmanager
def temporary(path: Path, is_folder: bool = False) -> Iterator[Path]:
    """Yield an empty file or folder beside `path`, gone at the end of the block unless it was renamed.

    It is locked as long as somebody writes it. Before the first one, what killed writers left beside `path` is removed.

    Raises:
        OSError: nothing can be written there; it names `path`.
    """
    if path.parent not in _seen:
        _seen.add(path.parent)
        remove_leftovers(path.parent)
    try:
        made, descriptor = _make(path, is_folder)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    try:
        yield made
    finally:
        os.close(descriptor)
        _remove(made)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left in a folder. What somebody may still be writing stays."""
    with suppress(OSError):
        for leftover in [one for one in folder.iterdir() if _NAME.fullmatch(one.name)]:
            with suppress(OSError):  # locked by its writer, on a file system that does not tell, or gone meanwhile
                descriptor = os.open(leftover, os.O_RDONLY)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(leftover)
                finally:
                    os.close(descriptor)


def _make(path: Path, is_folder: bool) -> tuple[Path, int]:
    """Make and lock one; again, where somebody who tidies up came between the two."""
    while True:
        if is_folder:
            name = tempfile.mkdtemp(suffix=SUFFIX, prefix=f".{path.name}.", dir=path.parent)
        else:
            opened, name = tempfile.mkstemp(suffix=SUFFIX, prefix=f".{path.name}.", dir=path.parent)
            os.close(opened)
        try:
            descriptor = os.open(name, os.O_RDONLY)
        except FileNotFoundError:
            continue
        with suppress(OSError):  # a file system without locks: nobody can tidy up there either
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        if os.path.exists(name):
            return Path(name), descriptor
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
