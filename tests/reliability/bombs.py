"""Pickles that leave a mark when they are loaded, in every wrapping that a reader of ours might open."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        """What unpickling calls."""
        return os.mkdir, (str(self.mark),)


def as_pickle(path: Path, bomb: Bomb) -> None:
    """The pickle itself."""
    path.write_bytes(pickle.dumps(bomb))


def as_old_pickle(path: Path, bomb: Bomb) -> None:
    """The pickle itself, in the text protocol."""
    path.write_bytes(pickle.dumps({"state": bomb}, protocol=0))


def as_torch_file(path: Path, bomb: Bomb) -> None:
    """Torch's zip of a pickle and tensors."""
    torch.save({"weight": torch.zeros(2), "epoch": bomb}, path)


def as_old_torch_file(path: Path, bomb: Bomb) -> None:
    """Torch's own format before the zip."""
    torch.save({"weight": torch.zeros(2), "epoch": bomb}, path, _use_new_zipfile_serialization=False)


def as_array(path: Path, bomb: Bomb) -> None:
    """A NumPy array of objects."""
    with open(path, "wb") as stream:
        np.save(stream, np.array([bomb, bomb], object), allow_pickle=True)


def as_arrays(path: Path, bomb: Bomb) -> None:
    """NumPy's zip, whose arrays are those of confusion matrices, but of objects."""
    with open(path, "wb") as stream:
        arrays = {name: np.array([bomb], object) for name in ("per_image", "file_names", "class_names")}
        np.savez(stream, **arrays)


WRAPPINGS: tuple[Callable[[Path, Bomb], None], ...] = (
    *(as_pickle, as_old_pickle, as_torch_file, as_old_torch_file, as_array, as_arrays),
)
