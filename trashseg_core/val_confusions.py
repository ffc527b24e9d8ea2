"""Confusions: what a checkpoint scored on each photo of val, and the file that keeps it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trashseg_core.errors import BadInput
from trashseg_core.zip_files import check_zip

CONFUSIONS = "confusions.npz"


@dataclass(frozen=True)
class Confusions:
    """What a checkpoint scored on val."""

    per_image: np.ndarray
    """int64 (N, C, C), rows = truth."""
    file_names: list[str]
    class_names: list[str]


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
            return Confusions(arrays["per_image"], names, classes)
    except BadInput:
        raise
    except Exception as error:  # zipfile, KeyError, ValueError, OSError
        raise BadInput(f"{folder / CONFUSIONS}: cannot be read ({type(error).__name__}).") from None
