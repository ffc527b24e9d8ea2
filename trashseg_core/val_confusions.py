"""Confusions: what a checkpoint scored on each photo of val, and the file that keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trashseg_core.disk.zip_files import check_zip
from trashseg_core.errors import BadInput

CONFUSIONS = "confusions.npz"
MAX_PIXELS = 10**10
"""Of a photo: 100,000 px in square. Sums over all photos stay whole numbers far below 2^63."""


@dataclass(frozen=True)
class Confusions:
    """What a checkpoint scored on val."""

    per_image: np.ndarray
    """int64 (N, C, C), rows = truth."""
    file_names: list[str]
    class_names: list[str]

    def of(self, file_names: Sequence[str]) -> np.ndarray | None:
        """The matrices of these photos, in their order, int64 (N, C, C); None where one was not scored."""
        place = {name: number for number, name in enumerate(self.file_names)}
        if not set(file_names) <= set(place):
            return None
        return self.per_image[[place[name] for name in file_names]]


def write_confusions(folder: Path, confusions: Confusions) -> None:
    """Write `confusions.npz`: arrays `per_image`, `file_names`, `class_names`."""
    np.savez_compressed(
        folder / CONFUSIONS,
        per_image=confusions.per_image,
        file_names=np.array(confusions.file_names),
        class_names=np.array(confusions.class_names),
    )


def read_confusions(folder: Path) -> Confusions:
    """Read the per-image confusion matrices of a checkpoint.

    Raises:
        BadInput: the file is missing or damaged.
    """
    try:
        check_zip(folder / CONFUSIONS)
        with np.load(folder / CONFUSIONS, allow_pickle=False) as arrays:
            names, classes = arrays["file_names"].tolist(), arrays["class_names"].tolist()
            scored = Confusions(arrays["per_image"], names, classes)
        _check(scored)
        return scored
    except BadInput:
        raise
    except Exception as error:  # zipfile, KeyError, ValueError, OSError
        raise BadInput(f"{folder / CONFUSIONS}: cannot be read ({type(error).__name__}).") from None


def _check(scored: Confusions) -> None:
    """Refuse arrays that no validation leaves.

    Raises:
        ValueError: they do not fit together, or hold no counts.
    """
    names, classes = scored.file_names, scored.class_names
    if not (isinstance(names, list) and isinstance(classes, list) and all(type(one) is str for one in names + classes)):
        raise ValueError("names that are no texts")
    counts, shape = scored.per_image, (len(names), len(classes), len(classes))
    if counts.shape != shape or not 0 < counts.size or counts.dtype != np.int64:
        raise ValueError("counts of another shape or type")
    if counts.min() < 0 or counts.max() > MAX_PIXELS:
        raise ValueError("counts that no photo has")
