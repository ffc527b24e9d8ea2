"""Checkpoints that are deleted or cut off: an ensemble leaves them out or is refused, and no CSV is ever wrong."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import run_search
from experiments.checkpoints.trial_folder import TrialFolder
from experiments.journal import Journal
from experiments.results import TrialResult, read_results, result_of
from tests.reliability.cases import Cases
from tests.test_keeper import write
from trashseg_core.checkpoint import CONFIG, WEIGHTS
from trashseg_core.disk.files import write_json

pytestmark = pytest.mark.reliability("checkpoint-lost")
Capture = pytest.CaptureFixture[str]

DAMAGES: dict[str, Callable[[bytes], bytes] | None] = {
    "gone": None,
    "empty": lambda content: b"",
    "cut off": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
}


def harm(path: Path, damage: str) -> None:
    """Damage a file; another one of its name, since the fixture's file has two."""
    content, change = path.read_bytes(), DAMAGES[damage]
    path.unlink()
    if change is not None:
        path.write_bytes(change(content))


@pytest.fixture
def run(tmp_path: Path, finished: Path) -> Path:
    """A copy of a finished search; what was predicted is not there."""
    folder = shutil.copytree(finished, tmp_path / finished.name, copy_function=os.link)
    shutil.rmtree(folder / "predictions")
    return folder


def usable(folder: Path) -> list[TrialResult]:
    return [one for one in read_results(folder / "results.json") if one.checkpoint and one.status != "failed"]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_the_ensemble_leaves_out_trials_whose_weights_are_lost_and_says_so(
    run: Path, capsys: Capture, cases: Cases
) -> None:
    best, *others = usable(run)
    cases.add(1)
    harm(run / str(best.checkpoint) / WEIGHTS, "cut off")
    assert run_search.main(["ensemble", str(run), "--tta", "none"]) == 0
    assert "test photos of the same kind" in capsys.readouterr().out
    said = json.loads((run / "ensemble" / "ensemble.json").read_text())
    assert best.trial_id not in said["provenance"]["candidates"]
    assert set(said["provenance"]["candidates"]) == {one.trial_id for one in others}
    assert any("with weights, fewer than" in str(one) for one in said["evidence"])
    assert run_search.main(["submit", str(run)]) == 0


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
@pytest.mark.parametrize("damage", DAMAGES)
def test_an_ensemble_of_nothing_is_refused_and_the_old_one_stays(
    run: Path, capsys: Capture, damage: str, name: str, cases: Cases
) -> None:
    before = files(run / "ensemble")
    cases.add(len(usable(run)))
    for one in usable(run):
        harm(run / str(one.checkpoint) / name, damage)
    assert run_search.main(["ensemble", str(run)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "No trial left a checkpoint" in line
    assert files(run / "ensemble") == before


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
@pytest.mark.parametrize("damage", DAMAGES)
def test_an_ensemble_whose_member_is_lost_predicts_nothing(
    run: Path, capsys: Capture, tmp_path: Path, folders: tuple[Path, Path], damage: str, name: str, cases: Cases
) -> None:
    cases.add(2)
    csv = (run / "submission.csv").read_bytes()
    member = sorted((run / "ensemble" / "members").iterdir())[0]
    harm(member / name, damage)
    assert run_search.main(["submit", str(run)]) == 2
    out = tmp_path / "labels"
    assert run_search.main(["predict", str(run / "ensemble"), str(folders[0] / "test.json"), "--out", str(out)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert str(member / name) in first and str(member / name) in second
    assert (run / "submission.csv").read_bytes() == csv
    assert not list(out.rglob("*.png"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ensemble", "ensemble/members", "ensemble/ensemble.json"])
def test_a_lost_ensemble_is_no_csv(run: Path, capsys: Capture, name: str) -> None:
    lost = run / name
    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    (run / "submission.csv").unlink()
    assert run_search.main(["submit", str(run)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (run / "submission.csv").exists()


@pytest.mark.parametrize("lost", ["best", "last", "both"])
def test_a_running_trial_whose_checkpoints_are_deleted_goes_on_and_its_result_is_one_that_is_there(
    tmp_path: Path, lost: str
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    key = journal.add_trial({}, {}, {}).key
    folder = TrialFolder(tmp_path / "trials" / key, "val_miou")
    for epoch, right in enumerate((500, 900, 700), 1):
        source, value = write(tmp_path / "scratch", right)
        folder.keep(epoch, source, value)
        journal.add_epoch(key, epoch, {"val_miou": value})
    for name in {"best": (2,), "last": (3,), "both": (2, 3)}[lost]:
        shutil.rmtree(tmp_path / "trials" / key / f"epoch_{name:04d}")
    source, value = write(tmp_path / "scratch", 800)
    folder.keep(4, source, value)
    journal.add_epoch(key, 4, {"val_miou": value})
    journal.end_trial(key, "finished")
    folder.prune()
    result = result_of(journal.trials[key], "val_miou", tmp_path)
    best = 2 if lost == "last" else 4
    assert (result.checkpoint, result.best_epoch) == (f"trials/{key}/epoch_{best:04d}", best)
    assert result.val_miou == journal.trials[key].epochs[best]["val_miou"]
    write_json(tmp_path / "results.json", [vars(result)])
    journal.close()
