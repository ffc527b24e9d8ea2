"""Labelling photos, as a process of its own that tests may kill.

python -m tests.killed_labelling ENSEMBLE DATA IMAGES OUT
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from trashseg_core.data.folder import DataFolder
from trashseg_core.pseudo.labelling import Wish, label_photos

COUNT, PRECISION = 50, 0.01


def watch(step: str) -> Callable[[int, int], None]:
    """Say how far it is, and leave time for a kill."""

    def show(done: int, total: int) -> None:
        print(f"{step}: {done}/{total}", flush=True)
        time.sleep(0.05)

    return show


if __name__ == "__main__":
    ensemble, data, images, out = sys.argv[1:]
    print(label_photos(Wish(Path(ensemble), Path(images), COUNT, PRECISION), DataFolder(data), Path(out), watch))
