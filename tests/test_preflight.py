"""Preflight: what a refused or cut-off search leaves behind."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.journal import Journal
from experiments.manifest import Manifest
from experiments.preflight import LOCK, prepare, refuse_taken_name, reopen
from experiments.settings import SearchSettings
from trashseg_core import __version__
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


def run_folder(folder: Path, epochs: int, checkpoints: dict[str, int]) -> Path:
    """A journal of one trial with so many epochs, and the last checkpoint of some trials."""
    journal = Journal(folder / "journal.jsonl")
    journal.add_trial({}, {}, {})
    for epoch in range(1, epochs + 1):
        journal.add_epoch("t0000", epoch, {"val_miou": 0.5})
    journal.close()
    for key, epoch in checkpoints.items():
        (folder / "trials" / key / f"epoch_{epoch:04d}").mkdir(parents=True)
    return folder


def test_a_first_checkpoint_that_was_not_recorded_any_more_is_not_gone_on_from(tmp_path: Path) -> None:
    """A driver killed before its first record may leave one of a trial that is then proposed anew."""
    refuse_taken_name(run_folder(tmp_path, 0, {"t0000": 1}))
    assert not (tmp_path / "trials").exists()


@pytest.mark.reliability("old-state")
@pytest.mark.parametrize("damage", ["emptied", "lost", "cut in the middle"])
def test_a_journal_that_lost_what_the_checkpoints_show_is_never_started_over(tmp_path: Path, damage: str) -> None:
    folder = run_folder(tmp_path, 5, {"t0000": 5})
    path = folder / "journal.jsonl"
    content = path.read_bytes()
    match damage:
        case "emptied":
            path.write_bytes(b"")
        case "lost":
            path.unlink()
        case _:
            path.write_bytes(content[: len(content) // 2])
    before = path.read_bytes() if path.exists() else None
    settings = SearchSettings("data", "quick", folder.name, out=str(folder.parent))
    Manifest(settings, __version__, {}, {}).write(folder)
    for go_on in (refuse_taken_name, reopen):
        with pytest.raises(BadInput, match="journal.jsonl: damaged, lines are missing: trials/t0000/epoch_0005"):
            go_on(folder)
    assert (folder / "trials" / "t0000" / "epoch_0005").is_dir()
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_checkpoint_one_epoch_ahead_of_the_record_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds a search already. Go on with `resume"):
        refuse_taken_name(run_folder(tmp_path, 3, {"t0000": 4}))


@pytest.mark.reliability("old-state")
def test_a_damaged_line_is_refused_by_resume_and_search_alike(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, 3, {})
    lines = (folder / "journal.jsonl").read_bytes().splitlines()
    (folder / "journal.jsonl").write_bytes(b"\n".join([lines[0], b"{broken", *lines[2:]]) + b"\n")
    Manifest(SearchSettings("d", "quick", folder.name, out=str(folder.parent)), __version__, {}, {}).write(folder)
    for go_on in (refuse_taken_name, reopen):
        with pytest.raises(BadInput, match="line 2 is damaged"):
            go_on(folder)


def test_points_that_no_trial_is_left_for_are_refused(tmp_path: Path) -> None:
    given = tmp_path / "points.json"
    given.write_text(json.dumps([{"lr": rate} for rate in (0.0015, 0.0035, 0.0031)]))
    settings = SearchSettings(
        str(tmp_path), "quick", "first", out=str(tmp_path / "runs"), trials=3, enqueue=(str(given),)
    )
    settings.folder.mkdir(parents=True)
    told = "3 points of `--enqueue` and the default are more than `--trials 3`. Raise `--trials` to 4, or"
    with pytest.raises(BadInput, match=told):
        prepare(settings)
    with pytest.raises(BadInput, match="no such data|train.json"):
        prepare(replace(settings, trials=4))


def test_a_point_outside_of_the_space_is_refused_and_leaves_no_folder(tmp_path: Path, sample_folder: Path) -> None:
    (tmp_path / "points.json").write_text('{"lr": 5}')
    settings = SearchSettings(
        str(sample_folder), "quick", "one", out=str(tmp_path), enqueue=(str(tmp_path / "points.json"),)
    )
    settings.folder.mkdir()
    with pytest.raises(BadInput, match="points.json: `lr` is 5.0, but the space allows"):
        prepare(settings)
    assert not settings.folder.exists()


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
