"""Why trials fail, in words that a person understands and that are equal for equal reasons."""

import re

from trashseg_core.disk.full_disk import is_full

NO_ROOM = "disk full: "
"""How the error of a trial begins that could not write its checkpoint. A resumed search tries it again."""
DIED = "the process died"
"""Where nothing else is known."""
NO_MEMORY = "out of memory: "
LESS_MEMORY = (
    "Choose a smaller `batch_size` or `image_size` (`--set`), smaller networks, or fewer trials side by side "
    "(`--concurrent`)."
)
ALLOCATION = re.compile(r"out of memory|can't allocate memory|cannot allocate memory|unable to allocate", re.IGNORECASE)
MAX_LENGTH = 300


def reason_of(error: Exception, folder: str) -> str:
    """Say in one line why a trial failed by itself.

    Args:
        folder: where the trials keep their checkpoints.
    """
    full = next((one for one in (error, error.__context__) if one is not None and is_full(one)), None)
    if isinstance(full, OSError):
        return f"{NO_ROOM}{full.strerror} in {folder}. Make room, then `resume` the search."
    text = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, MemoryError) or ALLOCATION.search(text):
        return f"{NO_MEMORY}{text[:120].rstrip('. ') or 'an array did not fit'}. {LESS_MEMORY}"
    return f"{type(error).__name__}: {text[:MAX_LENGTH]}"


def reason_of_death(text: str, tries: int) -> str:
    """Say in one line why the process of a trial died for good.

    Args:
        text: what Ray knows of it.
        tries: processes that died of it, one after another.
    """
    if "low on memory" in text:
        return f"{NO_MEMORY}Ray ended its process {tries} times, since the machine's memory ran out. {LESS_MEMORY}"
    if "connection error code 2" in text:  # it was there and then it was not
        return (
            f"its process was killed or crashed {tries} times; the kernel kills what takes too much memory "
            f"(`dmesg` tells). {LESS_MEMORY}"
        )
    return (text.splitlines() or [DIED])[-1][:MAX_LENGTH]
