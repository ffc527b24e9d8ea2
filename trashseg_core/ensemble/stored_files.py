"""The files of a stored prediction: whether they are whole, and hold what was written into them."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from trashseg_core.disk.files import read_json
from trashseg_core.errors import BadInput

PROBABILITIES, LABELS, STATE = "probabilities.bin", "labels.bin", "state.json"
BLOCK = 1 << 24
NUMBERS = ("photos", "largest_error", "changed", "looked_at")


def fault_in(folder: Path, num_pixels: int, num_classes: int) -> str | None:
    """What is wrong with a finished prediction, or None.

    Those of older versions have no checksums; only their sizes are looked at.
    """
    try:
        state = _read_state(folder)
        for name, length, number in ((PROBABILITIES, num_pixels * num_classes, 0), (LABELS, num_pixels, 1)):
            if (found := (folder / name).stat().st_size) != length:
                return f"{name} has {found} bytes, expected {length}"
            if "sums" in state and _checksum(folder / name, int(length)) != state["sums"][number]:
                return f"{name} is damaged, it is not what was written"
    except (OSError, BadInput) as error:
        return f"it cannot be read ({error})"
    return None


def whole_state(folder: Path, starts: np.ndarray, num_classes: int) -> dict[str, Any] | None:
    """What is known of a prediction that was interrupted; None where it has to begin anew.

    Args:
        starts: first pixel of each photo, int64 (N + 1,).
    """
    try:
        state = _read_state(folder)
        pixels = int(starts[state["photos"]])
        lengths = (pixels * num_classes, pixels)
        found = [_checksum(folder / name, most) for name, most in zip((PROBABILITIES, LABELS), lengths, strict=True)]
        return state if found == state["sums"] else None
    except (OSError, BadInput, KeyError, IndexError):
        return None


def _read_state(folder: Path) -> dict[str, Any]:
    """The numbers of `state.json`.

    Raises:
        BadInput: they are not there, or none.
    """
    state = read_json(folder / STATE)
    sums = state.get("sums", [0, 0]) if isinstance(state, dict) else None
    values = [state.get(name) for name in NUMBERS] + [*sums] if isinstance(sums, list) and len(sums) == 2 else [None]
    if not all(isinstance(value, int | float) and value >= 0 for value in values) or type(state["photos"]) is not int:
        raise BadInput(f"{folder / STATE}: damaged")
    return dict(state)


def _checksum(path: Path, length: int) -> int:
    """CRC-32 of the first bytes of a file; -1 where there are fewer."""
    found = 0
    with open(path, "rb") as stream:
        while length > 0:
            block = stream.read(min(BLOCK, length))
            if not block:
                return -1
            found, length = zlib.crc32(block, found), length - len(block)
    return found
