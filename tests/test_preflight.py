"""Preflight: what a refused or cut-off search leaves behind."""

from pathlib import Path

import pytest

from experiments.preflight import LOCK, prepare, refuse_taken_name
from experiments.settings import SearchSettings
from trashseg_core.errors import BadInput


def test_a_refused_search_leaves_no_folder(tmp_path: Path) -> None:
    settings = SearchSettings(str(tmp_path / "missing"), "quick", "first", out=str(tmp_path / "runs"))
    settings.folder.mkdir(parents=True)
    (settings.folder / LOCK).touch()
    with pytest.raises(BadInput, match="no such data folder"):
        prepare(settings)
    assert not settings.folder.exists()


def test_a_refused_search_leaves_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    settings = SearchSettings(str(tmp_path / "missing"), "quick", "first", out=str(tmp_path / "runs"))
    settings.folder.mkdir(parents=True)
    (settings.folder / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="no such data folder"):
        prepare(settings)
    assert (settings.folder / "notes.txt").read_text() == "mine"


def test_checkpoints_that_the_journal_does_not_know_are_not_gone_on_from(tmp_path: Path) -> None:
    """A driver killed before its first record may leave a checkpoint of a configuration that nobody wrote down."""
    (tmp_path / "trials" / "t0000" / "epoch_0001").mkdir(parents=True)
    (tmp_path / "journal.jsonl").write_text("")
    refuse_taken_name(tmp_path)
    assert not (tmp_path / "trials").exists()


def test_a_class_to_paste_that_has_no_objects_is_refused_before_any_trial(tmp_path: Path, sample_folder: Path) -> None:
    pins = ("augmix_ratio=0.5", "augmix_classes=batery", "image_size=64")
    settings = SearchSettings(str(sample_folder), "quick", "first", out=str(tmp_path / "runs"), set=pins)
    with pytest.raises(BadInput, match="`augmix_classes` lists `batery`.* Did you mean `battery`"):
        prepare(settings)
    assert not settings.folder.exists()


def test_a_batch_that_the_workers_cannot_share_is_refused_before_any_work(tmp_path: Path, sample_folder: Path) -> None:
    out = str(tmp_path / "runs")
    settings = SearchSettings(str(sample_folder), "quick", "first", out=out, set=("batch_size=8",), workers_per_trial=3)
    with pytest.raises(BadInput, match="`batch_size` is 8, which 3 workers cannot share evenly"):
        prepare(settings)
