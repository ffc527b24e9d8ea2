"""Opening regular files only: a FIFO would wait for a writer for ever, a device never ends."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegular(ValueError):
    """There is something, but no regular file."""


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading. What it is, is seen once it is open, so that nothing can take its place in between.

    Raises:
        NotRegular: it is a FIFO, a device or a socket.
        OSError: it cannot be opened, or is a folder.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise NotRegular("not a regular file") from None
        raise
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise NotRegular("not a regular file")


def size_of(stream: BinaryIO) -> int:
    """Bytes of an open file."""
    return os.fstat(stream.fileno()).st_size
