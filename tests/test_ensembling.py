"""Building an ensemble: what it may take of the disk."""

from collections import namedtuple
from pathlib import Path

import pytest

from experiments import ensembling
from trashseg_core.errors import BadInput

Usage = namedtuple("Usage", "total used free")


def test_predictions_that_would_fill_the_disk_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensembling.shutil, "disk_usage", lambda path: Usage(10, 9, 1_000))
    with pytest.raises(BadInput, match="only 0.0 GB are free. Make room, or choose a smaller `--top-k`"):
        ensembling.check_space_left(tmp_path / "predictions", 1_000)


def test_predictions_that_are_there_already_need_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensembling.shutil, "disk_usage", lambda path: Usage(10, 9, 100))
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "logits.npy").write_bytes(bytes(1_000))
    ensembling.check_space_left(tmp_path / "predictions", 1_000)
