"""Where a Ray of this machine keeps its sessions: with room for them, and closed to others."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from trashseg_core.errors import BadInput

NEEDED_MB = 16
"""What Ray's sockets and logs take."""


def check_room() -> None:
    """Refuse a full disk for Ray's sockets and logs: without room it gives up after 40 s, and does not say why.

    Raises:
        BadInput: naming the place.
    """
    place = _base()
    there = next(one for one in (place, *place.parents) if one.exists())
    free = shutil.disk_usage(there).free
    if free < NEEDED_MB * 1e6:
        raise BadInput(
            f"{place}: {free / 1e6:.1f} MB are free, but Ray needs {NEEDED_MB} MB there for its logs. Make room, or "
            "name another folder by RAY_TMPDIR."
        )


def private_folder() -> str:
    """A folder for Ray's sessions, in one that nobody else can enter: Ray lets everybody write into its own, sockets
    included, and changes the mode of what it is given.
    """
    base = _base()
    folder = base / f"ray-{os.geteuid()}"
    base.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():  # somebody was there before us
        folder = Path(tempfile.mkdtemp(prefix="ray-", dir=base))
    folder.chmod(0o700)
    return str(folder / "ray")


def _base() -> Path:
    """Where Ray puts its folder by itself; short, as names of sockets must be."""
    return Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp")
