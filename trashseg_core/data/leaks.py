"""Leaks: the same photo in two splits."""

import hashlib
import os
import stat
from collections.abc import Hashable, Sequence
from pathlib import Path

from trashseg_core.data.coco import Split
from trashseg_core.disk.files import file_digest
from trashseg_core.errors import BadInput

HEAD_BYTES = 1 << 16


def check_leak(train: Split, val: Split) -> None:
    """Refuse validation photos inside the training list: they would make every score a lie.

    Raises:
        BadInput: naming how many and the first.
    """
    names = {os.path.normpath(photo.file_name) for photo in train.photos}
    shared = [photo.file_name for photo in val.photos if os.path.normpath(photo.file_name) in names]
    if shared:
        raise BadInput(
            f"{train.path}: {len(shared)} of its photos are also in {val.path.name} (first: {shared[0]}). "
            f"Scores on {val.path.name} would mean nothing. Train on a list without them, or name another `--val-file`."
        )


def equal_files(root: Path, names: Sequence[str], others: Sequence[str], max_bytes: float) -> dict[str, str]:
    """Find files with the same bytes as one of another list under another name.

    Only files of equal length are read at all, and only those that begin alike to their end.

    Args:
        root: folder that the names are relative to.
        max_bytes: longer files are left to those who say that they are too long.

    Returns:
        The name in `others`, by the name in `names`.
    """

    def length(name: str) -> int | None:
        try:
            status = os.stat(root / name)
        except OSError:
            return None
        return status.st_size or None if stat.S_ISREG(status.st_mode) and status.st_size <= max_bytes else None

    known = {os.path.normpath(name) for name in names}
    own, left = list(names), [name for name in others if os.path.normpath(name) not in known]
    seen: dict[str, Hashable] = {}
    for look in (length, lambda name: _digest(root / name, HEAD_BYTES), lambda name: _digest(root / name)):
        seen = {name: look(name) for name in {*own, *left}}
        common = {seen[name] for name in own} & {seen[name] for name in left} - {None}
        own, left = ([name for name in one if seen[name] in common] for one in (own, left))
    twins = {seen[name]: name for name in reversed(left)}
    return {name: twins[seen[name]] for name in own}


def _digest(path: Path, count: int | None = None) -> str | None:
    """Hash of a file, or of its first bytes; None where it cannot be read: others say why."""
    try:
        if count is None:
            return file_digest(path)
        with open(path, "rb") as stream:
            return hashlib.sha256(stream.read(count)).hexdigest()
    except OSError:
        return None
