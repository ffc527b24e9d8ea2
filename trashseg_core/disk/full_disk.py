"""Errors of writing: which of them mean a full disk, and the name of the file that libraries leave out."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
LAST_BYTES = 1 << 16
"""Where a library does not say why it wrote less than it should, a disk with less room than this is full."""


def is_full(error: BaseException) -> bool:
    """Whether an error means that a disk, or the user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in FULL


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Give errors of writing to `path` its name, and their number where a library lost it.

    torch and safetensors raise errors of their own on a full disk, numpy an OSError without a number, and Python's
    streams leave the name out.

    Raises:
        OSError: with number and name. Errors that have a name, and others, pass as they are.
    """
    try:
        yield
    except OSError as error:
        number = error.errno or _number_behind(error, path)
        if number is None or (error.errno is not None and error.filename is not None):
            raise
        raise OSError(number, os.strerror(number), str(path)) from error
    except Exception as error:
        of_library = isinstance(error, RuntimeError) or type(error).__name__ == "SafetensorError"
        number = _number_behind(error, path) if of_library else None
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def _number_behind(error: BaseException, path: Path) -> int | None:
    """The number of the system's error that a library's one stands for, or None."""
    told = re.search(r"os error (\d+)", str(error))  # safetensors
    if told:
        return int(told[1])
    if error.__context__ is not None and is_full(error.__context__):  # torch
        return errno.ENOSPC
    if isinstance(error, OSError) and shutil.disk_usage(path.parent).free < LAST_BYTES:  # numpy
        return errno.ENOSPC
    return None
