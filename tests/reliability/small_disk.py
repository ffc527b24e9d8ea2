"""Small disks: a file system in memory that is full whenever a test wants it to be."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BALLAST = "ballast"


@contextmanager
def small_disk(place: Path, megabytes: float) -> Iterator[Path]:
    """Mount an empty tmpfs at `place`; the test is skipped where that is not allowed (`unshare -Urm` allows it)."""
    place.mkdir()
    options = f"size={round(megabytes * 1024)}k"
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()} (`unshare -Urm` before the command)")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, free: int = 0) -> None:
    """Leave so many bytes free, in whole blocks."""
    state = os.statvfs(disk)
    with open(disk / BALLAST, "ab") as stream:
        stream.write(b"\0" * max(0, state.f_bavail * state.f_frsize - free))


def empty(disk: Path) -> None:
    """Make room."""
    (disk / BALLAST).unlink()
