"""Confusion matrices are read back only where a validation can have left them."""

from pathlib import Path

import numpy as np
import pytest

from trashseg_core.errors import BadInput
from trashseg_core.val_confusions import CONFUSIONS, Confusions, read_confusions, write_confusions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_confusions(tmp_path, Confusions(np.arange(18).reshape(2, 3, 3), ["a.jpg", "b.jpg"], ["Background", "a", "b"]))
    return tmp_path


@pytest.mark.parametrize(
    "replaced",
    (
        {"per_image": np.zeros((2, 3), np.int64)},
        {"per_image": np.zeros((3, 3, 3), np.int64)},
        {"per_image": np.zeros((2, 3, 3))},
        {"per_image": np.full((2, 3, 3), -1)},
        {"per_image": np.full((2, 3, 3), 2**62)},
        {"file_names": np.array("a")},
        {"class_names": np.arange(3)},
    ),
    ids=str,
)
def test_confusion_matrices_that_no_validation_leaves_are_refused(
    folder: Path, replaced: dict[str, np.ndarray]
) -> None:
    with np.load(folder / CONFUSIONS) as arrays:
        whole = dict(arrays)
    np.savez(folder / CONFUSIONS, **{**whole, **replaced})
    with pytest.raises(BadInput, match="confusions.npz: cannot be read"):
        read_confusions(folder)
