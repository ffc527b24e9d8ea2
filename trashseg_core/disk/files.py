"""Files that are either whole or absent: atomic writes, folder commits."""

import ctypes
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from trashseg_core.disk.full_disk import named_errors
from trashseg_core.disk.own_json import parse_own
from trashseg_core.disk.temporaries import temporary
from trashseg_core.errors import BadInput


def sync_folder(folder: Path) -> None:
    """Make the entries of `folder` (new names, renames) survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the content of `path` survive a power cut."""
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def atomic_text(path: Path, private: bool = False) -> Iterator[TextIO]:
    """Open a text stream whose content appears under `path` only when the block ends without an error.

    UTF-8, LF line ends. The old file, if any, stands untouched until then.

    Args:
        private: nobody but the owner may read it.
    """
    with temporary(path) as made:
        with named_errors(path), open(made, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        made.chmod(0o600 if private else 0o644)
        os.replace(made, path)
        sync_folder(path.parent)


@contextmanager
def atomic_bytes(path: Path) -> Iterator[BinaryIO]:
    """The same as `atomic_text` for bytes; of many files, a power cut may take the last ones, each as a whole."""
    with temporary(path) as made:
        with named_errors(path), open(made, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        made.chmod(0o644)
        os.replace(made, path)


def write_text(path: Path, text: str, private: bool = False) -> None:
    """Write `text` to `path` atomically."""
    with atomic_text(path, private) as stream:
        stream.write(text)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(path: Path, value: Any, private: bool = False) -> None:
    """Write `value` to `path` as indented JSON, atomically; NaN and infinity are refused.

    Raises:
        ValueError: `value` holds a non-finite number.
    """
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n", private)


def read_json(path: Path, remedy: str = "Restore the file or start anew.") -> Any:
    """Read a JSON file of this project.

    Args:
        remedy: what to do where that fails.

    Raises:
        BadInput: the file is missing, special, larger than any of ours, or not JSON of finite numbers.
    """
    try:
        return parse_own(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}). {remedy}") from None
    except ValueError as error:
        raise BadInput(f"{path}: not valid JSON ({error}). {remedy}") from None


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `path` only when the block ends without an error.

    An existing folder of that name is replaced. All files are synced first, so that a name never stands for half
    a folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary(path, is_folder=True) as made:
        with named_errors(path):
            yield made
            commit_folder(made, path)


def commit_folder(source: Path, path: Path) -> None:
    """Sync every file below `source` and rename it to `path`, readable for all; a folder already there gives way.

    Linux exchanges the two folders in one step, so that a whole one stands under `path` at every moment, whenever
    the process is killed. File systems that cannot (NFS) get two renames: the old folder steps aside as `.NAME.old`
    first. A kill between the two leaves nothing under `path`, which every reader takes for "not made yet" and has
    made again; the next commit removes `.NAME.old`. It is never put back: its content was to be replaced anyway.

    `source` and `path` lie on the same file system, and one process at a time commits to `path`.
    """
    source.chmod(0o755)  # mkdtemp makes folders for the owner only
    for entry in (source, *source.rglob("*")):
        if entry.is_file():
            sync_file(entry)
        elif entry.is_dir():
            sync_folder(entry)
    old = path.with_name(f".{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if not path.exists():
        os.replace(source, path)
    elif _exchange(source, path):
        old = source
    else:
        os.replace(path, old)
        os.replace(source, path)
    sync_folder(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step (renameat2, Linux 3.15); False where system or file system cannot."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    at_cwd, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of linux/fcntl.h and linux/fs.h
    return bool(rename(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) == 0)
