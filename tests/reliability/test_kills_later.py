"""Signals at random moments of the later hops, and of real trainings: the submission is the same, bit by bit."""

import json
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import run_search
from experiments.journal import JournalReader
from tests.reliability.cases import Cases
from tests.reliability.processes import ROOT, Marked, draw_signal
from tests.whole_search import search_words

pytestmark = [pytest.mark.slow, pytest.mark.reliability("kills")]
PROGRAM = str(ROOT / "run_search.py")
MOMENTS = {
    "predictions": "predictions/*",
    "ensemble": ".ensemble.*",
    "submission": ".submission.csv.*",
    "pictures": ".overlays.*",
    "report": ".report.html.*",
}
"""What lies in the run folder while a hop writes."""
LATER = ("ensemble", "overlays", "predictions")


def undo(folder: Path) -> None:
    """Take a run folder back to the end of its trials."""
    for name in LATER:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("submission.csv", "report.html", "stability.json", "submissions.jsonl", "tracking_id"):
        (folder / name).unlink(missing_ok=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "hops": {}}))


def outcome(folder: Path) -> tuple[bytes, Any]:
    """The submission, and what the ensemble is made of."""
    ensemble = json.loads((folder / "ensemble" / "ensemble.json").read_text())
    return (folder / "submission.csv").read_bytes(), [ensemble["members"], ensemble["val_miou"], ensemble["evidence"]]


def without_times(made: tuple[bytes, Any]) -> tuple[bytes, Any]:
    """The outcome without what the steps of the ensemble cost."""
    submission, (members, score, evidence) = made
    return submission, [members, score, [{**one, "seconds": None} for one in evidence]]


def note(log: Path | None, line: str) -> None:
    if log:
        with open(log, "a", encoding="utf-8") as stream:
            stream.write(f"kills: {line}\n")


def test_signals_in_the_later_hops_change_no_bit_of_the_submission(
    finished: Path, folders: tuple[Path, Path], rounds: int, cases: Cases, request: pytest.FixtureRequest
) -> None:
    folder = shutil.copytree(finished, folders[1] / "later")
    undo(folder)
    names = list(MOMENTS)
    for number in range(rounds):
        cases.add()
        rng = random.Random(1000 + number)
        moment = names[(number * 2 + 1) % len(names)]
        driver = Marked([PROGRAM, "resume", str(folder)], folders[1])
        driver.wait_until(driver.listens)
        driver.wait_until(lambda: any(folder.glob(MOMENTS[moment])))  # noqa: B023 (called at once)
        time.sleep(rng.choice([0.0, rng.uniform(0, 0.5)]))
        how = draw_signal(rng)
        driver.end(how)
        note(request.config.getoption("--reliability-log"), f"later hops: {how.name} in {moment}")
        if (folder / "report.html").exists():
            undo(folder)
    assert run_search.main(["resume", str(folder)]) == 0
    assert without_times(outcome(folder)) == without_times(outcome(finished))
    assert not any(folder.glob(".*.trashseg"))


def test_a_prediction_that_is_killed_goes_on_to_the_same_label_maps(
    finished: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    words = ("predict", str(finished / "ensemble"), str(folders[0] / "test.json"), "--out")
    driver = Marked([PROGRAM, *words, str(tmp_path / "killed")], tmp_path)
    driver.wait_until(lambda: any((tmp_path / "killed").rglob("*.png")))
    driver.end(signal.SIGKILL)
    for out in ("killed", "calm"):
        assert run_search.main([*words, str(tmp_path / out)]) == 0
    files = [
        {str(path.relative_to(tmp_path / out)): path.read_bytes() for path in (tmp_path / out).rglob("*.png")}
        for out in ("killed", "calm")
    ]
    assert files[0] == files[1]


def test_signals_in_real_trainings_change_nothing(
    folders: tuple[Path, Path], rounds: int, cases: Cases, request: pytest.FixtureRequest
) -> None:
    """Only where ten rounds or more are asked for: `test_end_to_end` kills one in CI."""
    if rounds < 10:
        pytest.skip("a larger run: python -m tests.reliability kills")
    data, out = folders
    words = [PROGRAM, *search_words(data, out, "calm-alone", 3, 3), "--concurrent", "1"]
    calm = Marked(words, out)
    folder, begun = out / "torn", 0
    words = [PROGRAM, *search_words(data, out, "torn", 3, 3), "--concurrent", "1"]
    for number in range(rounds // 10 * 2):
        cases.add()
        rng = random.Random(2000 + number)
        driver = Marked([PROGRAM, "resume", str(folder)] if begun else words, out)
        wanted = begun + 1
        driver.wait_until(lambda: epochs(folder) >= wanted, 300)  # noqa: B023 (called at once)
        time.sleep(rng.uniform(0, 3))
        how = draw_signal(rng)
        driver.end(how)
        begun = epochs(folder)
        note(request.config.getoption("--reliability-log"), f"real trainings: {how.name} after {begun} epochs")
    assert run_search.main(["resume", str(folder)]) == 0
    calm.check_end(0)
    assert without_times(outcome(folder)) == without_times(outcome(out / "calm-alone"))
    assert scores(folder) == scores(out / "calm-alone")


def epochs(folder: Path) -> int:
    """How many the journal holds."""
    path = folder / "journal.jsonl"
    return path.read_bytes().count(b'"event": "epoch"') if path.exists() else 0


def scores(folder: Path) -> dict[str, list[float]]:
    """The curve of each trial."""
    trials = JournalReader(folder / "journal.jsonl").trials
    return {key: [one.epochs[epoch]["val_miou"] for epoch in sorted(one.epochs)] for key, one in trials.items()}
