"""Reopening: what an interrupted search goes on from, and what it refuses to."""

import json
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.failures import NO_ROOM
from experiments.journal import Journal
from experiments.manifest import Manifest, read_manifest
from experiments.points.warm_start import read_warm_start
from experiments.preflight import prepare, reopen
from experiments.results import SearchFailed
from experiments.settings import SearchSettings
from experiments.showing.run_status import read_status
from experiments.verbs.round_verbs import folds
from experiments.verbs.search_verbs import resume
from experiments.verbs.status_text import print_status
from trashseg_core import __version__
from trashseg_core.errors import BadInput


@pytest.fixture
def started(tmp_path: Path, sample_folder: Path) -> Path:
    """A run folder as `prepare` leaves it, with one epoch of its first trial."""
    settings = SearchSettings(str(sample_folder), "quick", "first", out=str(tmp_path / "runs"), set=("image_size=64",))
    settings.folder.mkdir(parents=True)
    prepare(settings)
    journal = Journal(settings.folder / "journal.jsonl")
    journal.add_trial({}, {}, {"decoder_width": 0.5, "image_size": 64})
    journal.add_epoch("t0000", 1, {"val_miou": 0.5})
    journal.close()
    return settings.folder


def test_an_unchanged_search_is_reopened(started: Path) -> None:
    assert reopen(started).settings.folder == started


def test_a_search_that_began_is_reopened_without_an_epoch_too_and_one_that_did_not_is_not(started: Path) -> None:
    """A disk that is full in the first epoch of every trial: "make room, then `resume`" must be true."""
    path = started / "journal.jsonl"
    header, *_ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header)
    with closing(Journal(path)) as journal:
        journal.add_trial({}, {}, {"decoder_width": 0.5, "image_size": 64})
        journal.end_trial("t0000", "failed", f"{NO_ROOM}a disk")
    assert reopen(started).settings.folder == started
    with closing(Journal(path)) as journal:
        assert journal.trials["t0000"].status is None
    path.write_bytes(b"")
    with pytest.raises(BadInput, match="stopped before anything was saved. Start it again with `search`"):
        reopen(started)


def test_data_that_were_moved_are_named_and_nothing_else_changes(started: Path, tmp_path: Path) -> None:
    before = read_manifest(started).settings
    moved = shutil.copytree(before.data, tmp_path / "moved", copy_function=shutil.copyfile)
    assert reopen(started, moved).settings == replace(before, data=str(moved))
    (moved / "val.json").write_text((moved / "val.json").read_text() + "\n")
    with pytest.raises(BadInput, match="The val data changed since the search was started"):
        reopen(started, moved)


def test_data_that_are_gone_are_asked_for(started: Path, tmp_path: Path) -> None:
    document = json.loads((started / "manifest.json").read_text())
    document["settings"]["data"] = str(tmp_path / "gone")
    (started / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(BadInput, match="gone: the search's data are not there. Say with `--data` where they are now"):
        reopen(started)


def test_resume_raises_the_budget_and_changes_nothing_else(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, seen = read_manifest(started).settings, list[Manifest]()
    monkeypatch.setattr("experiments.stages.run_all", lambda manifest, *_: seen.append(manifest))
    resume(started, trials=99, time_budget=5.0)
    assert seen[0].settings == replace(before, trials=99, time_budget=5.0) == read_manifest(started).settings


def refuse(*_: Any) -> None:
    """A hop that goes no further."""
    raise SearchFailed("the hop after the trials")


def test_a_spent_time_budget_is_left_alone_until_more_is_asked_for(
    started: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    searched, reached = list[Manifest](), [True]
    monkeypatch.setattr("experiments.stages.run_trials", lambda manifest, _: searched.append(manifest) or [])
    monkeypatch.setattr("experiments.stages.with_weights", lambda *_: reached)
    for hop in ("experiments.ensembling.build_ensemble", "experiments.folds.training.train_folds"):
        monkeypatch.setattr(hop, refuse)

    def resumed(**more: Any) -> int:
        searched.clear()
        with pytest.raises(SearchFailed):
            resume(started, **more)
        return len(searched)

    assert [resumed(), resumed()] == [1, 1]  # without a budget, trials are open until the last one ended
    assert [resumed(time_budget=5.0), resumed(), resumed()] == [1, 0, 0]
    capsys.readouterr()
    print_status(read_status(started))
    assert read_status(started).all_ended and "(its time budget is spent)" in capsys.readouterr().out
    searched.clear()
    with pytest.raises(SearchFailed, match="the hop after the trials"):
        folds(started, 2)
    assert not searched
    assert [resumed(time_budget=5.0), resumed(), resumed(trials=99), resumed()] == [1, 0, 1, 0]
    with closing(Journal(started / "journal.jsonl")) as journal:
        journal.end_trial("t0000", "failed", f"{NO_ROOM}a disk")
    assert [resumed(), resumed()] == [1, 0]
    reached.clear()  # a budget too small for a single epoch is not spent for good
    assert [resumed(time_budget=5.0), resumed()] == [1, 1]


@pytest.mark.reliability("old-state")
def test_every_change_since_the_start_is_named_in_one_refusal(started: Path) -> None:
    path = started / "manifest.json"
    document = json.loads(path.read_text())
    document["settings"] |= {"objective": "val_miou_low", "epochs": 7, "trials": 99}
    document["domains"]["lr"] = ["1 to 2"]
    document |= {"version": "0.0.1", "data": {**document["data"], "val": "other"}}
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput) as refusal:
        reopen(started)
    told = str(refusal.value)
    for part in (
        "`lr` was ['1 to 2'], is ['0.001 to 0.005, log']",
        "`objective` was val_miou, is val_miou_low",
        "`epochs` was 30, is 7",
        "The val data changed",
        f"it was 0.0.1, is {__version__}",
    ):
        assert part in told
    assert "trials" not in told, "a budget may be raised"


def test_points_and_earlier_trials_are_kept_with_the_search(tmp_path: Path, sample_folder: Path, started: Path) -> None:
    points = tmp_path / "points.json"
    points.write_text('{"decoder_name": "fpn"}')
    settings = SearchSettings(
        str(sample_folder),
        "quick",
        "second",
        out=str(tmp_path / "runs"),
        set=("image_size=64",),
        warm_start=(str(started),),
        enqueue=(str(points),),
    )
    settings.folder.mkdir(parents=True)
    manifest = prepare(settings)
    points.unlink(), shutil.rmtree(started)
    assert [point["decoder_name"] for point in manifest.points] == ["fpn"]
    assert [record.key for record in read_warm_start(settings.folder)] == ["first/t0000"]
