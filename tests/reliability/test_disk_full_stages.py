"""A disk that fills up in each stage of a search, for real: it stops with one line, and ends as if nothing had been."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import run_search
from experiments.journal import JournalReader
from experiments.results import TrialResult, read_results
from tests.reliability.cases import Cases
from tests.reliability.faulty_search import EPOCHS, TRIALS, search_of
from tests.reliability.small_disk import empty, fill, small_disk

pytestmark = [pytest.mark.slow, pytest.mark.reliability("disk-full")]
ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]


def search(out: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tests.reliability.faulty_search", str(out), "run"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)


def outcome(folder: Path) -> list[TrialResult]:
    """The results without what a clock measured."""
    return [replace(one, seconds=0.0) for one in read_results(folder / "results.json")]


def test_a_search_whose_disk_fills_up_stops_and_goes_on_to_what_it_would_have_come_to(
    tmp_path: Path, cases: Cases
) -> None:
    calm = search_of(tmp_path, "run", {}).folder
    with small_disk(tmp_path / "disk", 16) as disk:
        fill(disk, free=1_000_000)  # two checkpoints and a bit
        stopped = search(disk)
        assert stopped.returncode == 1, stopped.stderr[-2000:]
        (line,) = stopped.stderr.splitlines()
        assert "No space left on device" in line and str(disk / "run") in line and "Traceback" not in line
        before = {key: dict(record.epochs) for key, record in JournalReader(disk / "run/journal.jsonl").trials.items()}
        assert len(before["t0000"]) == EPOCHS
        cases.add(sum(record.had_no_room for record in JournalReader(disk / "run/journal.jsonl").trials.values()) + 1)
        empty(disk)
        again = search(disk)
        assert (again.returncode, again.stderr) == (0, "")
        after = JournalReader(disk / "run/journal.jsonl").trials
        assert len(after) == TRIALS
        for key, epochs in before.items():
            assert epochs.items() <= after[key].epochs.items(), "an epoch was trained again"
        assert outcome(disk / "run") == outcome(calm)


def contents(place: Path) -> dict[str, bytes]:
    """All files at or below a place."""
    found = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    return {str(path.relative_to(place)): path.read_bytes() for path in found}


@pytest.mark.parametrize(
    ("verb", "made", "free"),
    [
        ("ensemble", "ensemble", 0),
        ("ensemble", "ensemble", 1_000_000),
        ("submit", "submission.csv", 0),
        ("submit", "submission.csv", 200_000),
        ("report", "report.html", 0),
    ],
)
def test_a_stage_that_finds_no_room_leaves_what_is_there_and_says_where(
    tmp_path: Path, finished: Path, capsys: Capture, verb: str, made: str, free: int
) -> None:
    with small_disk(tmp_path / "disk", 600) as disk:
        run = shutil.copytree(finished, disk / finished.name)
        old = contents(run / made)
        fill(disk, free)
        assert run_search.main([verb, str(run), *(["--tta", "none"] if verb == "ensemble" else [])]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "No space left on device" in line and str(run) in line
        assert contents(run / made) == old
        hidden = (".ensemble.", ".submission.", ".report.")
        assert not [path for path in run.rglob(".*") if path.name.startswith(hidden)]


def test_predictions_that_do_not_fit_are_refused_before_they_are_made(
    tmp_path: Path, finished: Path, capsys: Capture
) -> None:
    with small_disk(tmp_path / "disk", 600) as disk:
        run = shutil.copytree(finished, disk / finished.name)
        shutil.rmtree(run / "predictions")
        fill(disk, 100_000)
        assert run_search.main(["ensemble", str(run)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "predictions take" in line and "make room" in line
        assert contents(run / "ensemble") == contents(finished / "ensemble")


def test_label_maps_that_do_not_fit_are_whole_or_absent_and_the_rest_is_predicted_later(
    tmp_path: Path, finished: Path, folders: tuple[Path, Path], capsys: Capture
) -> None:
    words = ["predict", str(finished / "ensemble"), str(folders[0] / "test.json"), "--overlays", "--out"]
    assert run_search.main([*words, str(tmp_path / "calm")]) == 0
    with small_disk(tmp_path / "disk", 1) as disk:
        fill(disk, 60_000)
        assert run_search.main([*words, str(disk / "labels")]) == 1
        line = capsys.readouterr().err.splitlines()[-1]
        assert "No space left on device" in line and str(disk / "labels") in line
        there, whole = contents(disk / "labels"), contents(tmp_path / "calm")
        assert 0 < len(there) < len(whole) and there.items() <= whole.items()
        empty(disk)
        assert run_search.main([*words, str(disk / "labels")]) == 0
        assert contents(disk / "labels") == whole
