"""Files that are either whole or absent: atomic writes, folder commits, locks."""

import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from trashseg_core.disk.full_disk import named_errors
from trashseg_core.disk.own_json import parse_own
from trashseg_core.disk.temporaries import temporary
from trashseg_core.errors import BadInput

LOOKS, LOOK_S = 5, 0.01
"""How often `locked` tries before it refuses, and the pause between: somebody may only be looking."""


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


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the exclusive lock file `path`, which names the holder's process id and host.

    The kernel lets go of it when the holder ends, however it does, so that a file left behind blocks nobody.

    Args:
        wait: wait for another holder to finish; otherwise refuse.

    Raises:
        BadInput: another process holds the lock and `wait` is False, or the file system has no locks.
        OSError: the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="ascii") as stream:
        if wait:
            _flock(stream, fcntl.LOCK_EX)
        elif not any(_lock_at_once(stream, fcntl.LOCK_EX) for _ in range(LOOKS)):
            stream.seek(0)
            holder = _holder(stream)
            raise BadInput(f"{path.parent} is in use by process {holder}. Wait for it or stop it, then try again.")
        stream.seek(0)
        stream.truncate()
        with named_errors(path):
            stream.write(f"{os.getpid()} {socket.gethostname()}\n")
            stream.flush()
        yield


def lock_holder(path: Path) -> str | None:
    """Process id in a lock file that is held, and its host where that is another one; or None.

    Looking holds a shared lock for less than a millisecond.
    """
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return None if _lock_at_once(stream, fcntl.LOCK_SH) else _holder(stream)
    except FileNotFoundError:
        return None


def _lock_at_once(stream: TextIO, how: int) -> bool:
    """Lock a file; where somebody else holds it, wait for no more than a look (`lock_holder`) takes."""
    try:
        _flock(stream, how | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(LOOK_S)
        return False
    return True


def _flock(stream: TextIO, how: int) -> None:
    try:
        fcntl.flock(stream, how)
    except BlockingIOError:
        raise
    except OSError as error:
        raise BadInput(
            f"{stream.name} cannot be locked ({error.strerror}): this file system has no locks, without which two "
            "searches could write one folder. Use another one, or mount it with locks."
        ) from None


def _holder(stream: TextIO) -> str:
    """Who wrote a lock file: the process id, and the host where it is not this one."""
    pid, _, host = stream.read().strip().partition(" ")
    return f"{pid or 'unknown'}{f' on {host}' if host not in ('', socket.gethostname()) else ''}"
