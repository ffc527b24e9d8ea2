"""A search of which every trial fails ends with their reasons and exit 1; with one that does not fail it succeeds."""

import shutil
from pathlib import Path

import pytest

import run_search
from experiments.journal import Journal
from experiments.manifest import read_manifest
from experiments.placement.ray_folder import check_room
from experiments.results import read_results
from experiments.stages import collect_results
from tests.reliability.small_disk import fill, small_disk
from trashseg_core.errors import BadInput

pytestmark = [pytest.mark.slow, pytest.mark.reliability("every-trial-fails")]
Capture = pytest.CaptureFixture[str]


def with_failures(finished: Path, out: Path, reasons: list[str]) -> Path:
    """A copy of a finished search that stopped before its ensemble, and whose first trials failed."""
    shutil.copyfile(finished.parent / "mlflow.db", out / "mlflow.db")
    run = shutil.copytree(finished, out / finished.name)
    manifest = read_manifest(run)
    (run / "manifest.json").write_text((run / "manifest.json").read_text().replace(str(finished.parent), str(out)))
    journal = Journal(run / "journal.jsonl")
    for key, reason in zip(sorted(journal.trials), reasons, strict=False):
        journal.end_trial(key, "failed", reason)
    journal.close()
    collect_results(journal, read_manifest(run).settings)
    assert manifest.settings.trials == len(journal.trials) == 3
    for name in ("ensemble", "predictions"):
        shutil.rmtree(run / name)
    (run / "submission.csv").unlink()
    return run


def test_all_fail_and_so_does_going_on_with_the_reasons_grouped(
    finished: Path, tmp_path: Path, capsys: Capture
) -> None:
    reasons = [f"TrainingFailed: diverged at lr={lr}." for lr in (0.1, 0.2)] + ["OSError: no such file"]
    run = with_failures(finished, tmp_path, reasons)
    capsys.readouterr()
    for _ in range(2):
        assert run_search.main(["resume", str(run)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "No trial left a usable checkpoint: 2 x TrainingFailed: diverged at lr=0.1. (t0000, t0001)" in line
        assert "1 x OSError: no such file (t0002)" in line
    assert not (run / "ensemble").exists() and not (run / "submission.csv").exists()


def test_one_trial_that_did_not_fail_is_a_search_that_succeeded(
    finished: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = with_failures(finished, tmp_path, ["hangs: no step for 4 s"] * 2)
    assert run_search.main(["resume", str(run)]) == 0
    assert (run / "submission.csv").stat().st_size and (run / "report.html").stat().st_size
    assert {path.name for path in (run / "ensemble" / "members").iterdir()} == {"t0002"}
    assert "2 failed: hangs: no step for 4 s (t0000, t0001)" in capsys.readouterr().out


def test_trials_that_all_fail_before_their_first_epoch_end_the_search_with_the_reason(
    folders: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    words = ["search", "--data", str(folders[0]), "--space", "quick", "--name", "large", "--out", str(tmp_path)]
    words += ["--trials", "2", "--epochs", "2", "--max-parameters-m", "0.001", "--set", "image_size=64"]
    assert run_search.main(words) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "No trial left a usable checkpoint: 2 x infeasible: parameters_m is" in line and "(t0000, t0001)" in line
    assert [one.status for one in read_results(tmp_path / "large" / "results.json")] == ["failed", "failed"]


@pytest.mark.reliability("disk-full")
def test_ray_is_not_started_where_its_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(tmp_path / "disk", 32) as disk:
        monkeypatch.setenv("RAY_TMPDIR", str(disk / "ray"))
        check_room()
        fill(disk)
        with pytest.raises(BadInput, match="disk/ray: 0.0 MB are free, but Ray needs 16 MB"):
            check_room()
