"""What an ensemble folder from elsewhere may hold: data within caps, in regular files of its own, never a path out."""

import stat
from pathlib import Path
from typing import Any

from trashseg_core.data.coco import MAX_CLASSES
from trashseg_core.data.names import name_fault
from trashseg_core.errors import BadInput
from trashseg_core.field_values import RANGES

MAX_JSON_BYTES = 64 * 2**20
MAX_MEMBERS = 1000


def file_inside(folder: Path, *parts: str, most_bytes: int | None = None) -> Path:
    """Path of a file of an ensemble folder that may be opened.

    Args:
        most_bytes: larger files are refused.

    Raises:
        BadInput: it is missing, no regular file, behind a link that leads out of the folder, or too large.
    """
    path = folder.joinpath(*parts)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{path}: cannot be read ({reason}). An ensemble folder holds it.") from None
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"{path}: not a regular file. Get the ensemble folder anew.")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{path}: the link leads out of the ensemble folder. Put the file itself there.")
    if most_bytes is not None and status.st_size > most_bytes:
        size, cap = (f"{one / 2**20:.0f} MiB" for one in (status.st_size, most_bytes))
        raise BadInput(f"{path}: {size} are above the cap of {cap}. This is no ensemble of ours.")
    return path


def classes_fault(class_names: Any) -> str | None:
    """What makes the list of class names unusable, or None."""
    if not isinstance(class_names, list) or not 2 <= len(class_names) <= MAX_CLASSES + 1:
        return f"`class_names` must be a list of 2 to {MAX_CLASSES + 1} names, the background first."
    return next((f"a class name {fault}." for name in class_names if (fault := name_fault(name))), None)


def size_fault(trial_id: str, size: Any) -> str | None:
    """What makes the image size of a member unusable, or None."""
    low, high = RANGES["image_size"]
    if isinstance(size, bool) or not isinstance(size, int) or not low <= size <= max(high, RANGES["source_size"][1]):
        return f"the image size of {trial_id} is {str(size)[:40]}, but must be {low:g} to {RANGES['source_size'][1]:g}."
    return None
