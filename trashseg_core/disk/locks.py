"""Lock files: who holds one is the only process that works in a folder."""

import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from trashseg_core.disk.full_disk import named_errors
from trashseg_core.errors import BadInput

LOOKS, LOOK_S = 5, 0.01
"""How often `locked` tries before it refuses, and the pause between: somebody may only be looking."""


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the exclusive lock file `path`, which names the holder's process id and host.

    The kernel lets go of it when the holder ends, however it does, so that a file left behind blocks nobody.

    Args:
        wait: wait for another holder to finish; otherwise refuse.

    Raises:
        BadInput: another process holds the lock and `wait` is False, there is something else than a file, or the file
            system has no locks.
        OSError: the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _open(path, os.O_RDWR | os.O_CREAT) as stream:
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

    Raises:
        BadInput: there is something else than a file, or the file system has no locks.
    """
    try:
        with _open(path, os.O_RDONLY) as stream:
            return None if _lock_at_once(stream, fcntl.LOCK_SH) else _holder(stream)
    except FileNotFoundError:
        return None


def _open(path: Path, flags: int) -> TextIO:
    """Open a lock file: a FIFO in its place would wait for its other end."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput(f"{path}: not a regular file, but what is locked must be one. Remove it.")
    return os.fdopen(descriptor, "r" if flags == os.O_RDONLY else "r+", encoding="ascii", errors="replace")


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
