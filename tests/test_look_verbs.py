"""status, leaderboard and compare look at searches, while they run or after, and disturb nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import run_search
from experiments.journal import Journal
from experiments.manifest import Manifest
from experiments.results import checkpoint_name
from experiments.settings import SearchSettings
from experiments.showing.run_status import pace_s, read_status
from experiments.verbs.comparison import paired_interval
from trashseg_core.disk.locks import lock_holder, locked
from trashseg_core.val_confusions import Confusions, write_confusions

Capture = pytest.CaptureFixture[str]
CLASSES = ["Background", "paper"]


def confusions(right: list[int], names: str = "abcdefgh") -> Confusions:
    """Photos of which so many of ten pixels of each class are right."""
    per_image = np.array([[[10, 0], [10 - count, count]] for count in right])
    return Confusions(per_image, [f"{name}.jpg" for name in names], CLASSES)


def write_search(folder: Path, ends: dict[str, list[float]], **settings: Any) -> Path:
    """A run folder whose trials, by their end or `open`, reported these values; each with the matrices of its best."""
    options = {"trials": 4, "epochs": 9, **settings}
    search = SearchSettings("data", "quick", folder.name, out=str(folder.parent), **options)
    folder.mkdir(parents=True)
    Manifest(search, "0.1", {"lr": ["0 to 1"]}, {"train": "x", "val": "y"}).write(folder)
    journal = Journal(folder / "journal.jsonl")
    for number, (end, values) in enumerate(ends.items()):
        key = journal.add_trial({"lr": number / 10, "optimizer": "sgd"}, {}, {}).key
        for epoch, value in enumerate(values, 1):
            journal.add_epoch(key, epoch, {"val_miou": value, "epoch_s": 2.0})
        if values:
            checkpoint = folder / checkpoint_name(key, int(np.argmax(values)) + 1)
            checkpoint.mkdir(parents=True)
            write_confusions(checkpoint, confusions([number + 1, 5, 6, 7, 8, 9, 10, 10]))
        if not end.startswith("open"):
            journal.end_trial(key, end.split("-")[0], "out of memory" if end.startswith("failed") else None)
    journal.close()
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    trials = {"finished": [0.2, 0.5, 0.4], "stopped": [0.1, 0.2, 0.3], "failed": [], "open": [0.6]}
    return write_search(tmp_path / "runs" / "first", trials)


@contextmanager
def driven(folder: Path) -> Iterator[int]:
    """Another process holds the lock of the folder, as a running search does."""
    code = "import sys; from pathlib import Path; from trashseg_core.disk.locks import locked\n"
    code += "with locked(Path(sys.argv[1])): print(1, flush=True); input()"
    command = [sys.executable, "-c", code, str(folder / ".lock")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    assert holder.stdout is not None and holder.stdout.readline()
    try:
        yield holder.pid
    finally:
        holder.communicate(b"\n")


def said(capsys: Capture, *words: str | Path) -> str:
    assert run_search.main([str(word) for word in words]) == 0
    return capsys.readouterr().out


def refused(capsys: Capture, *words: str | Path) -> str:
    code = run_search.main([str(word) for word in words])
    err = capsys.readouterr().err
    assert (code, err.count("\n")) == (2, 1)
    return err


def test_status_of_a_stopped_search_says_what_there_is_and_how_to_go_on(capsys: Capture, run: Path) -> None:
    text = said(capsys, "status", run)
    assert f"{run}: stopped" in text and f"resume {run}" in text
    assert "3 of 4 trials ended (1 waiting, 1 finished, 1 stopped, 1 failed)" in text
    assert "best val_miou 0.6000: t0003 in epoch 1" in text and "t0002 failed: out of memory" in text


def test_status_of_a_running_search_names_its_process_and_the_time_left(capsys: Capture, run: Path) -> None:
    with driven(run) as process:
        text = said(capsys, "status", run)
        found = json.loads(said(capsys, "status", run, "--json"))
    assert f"{run}: running as process {process}" in text and "go on with" not in text
    assert "t0003 epoch 1/9 0.6000, best 0.6000, 4 s to its rung or end" in text
    assert found["running"] == [{"trial": "t0003", "epoch": 1, "epochs": 9, "value": 0.6, "best": 0.6, "eta_s": 4.0}]
    assert found["eta_s"] is not None and 0 <= found["last_report_s"] < 60


def test_status_of_a_search_whose_hops_are_done_is_finished(capsys: Capture, tmp_path: Path) -> None:
    run = write_search(tmp_path / "done", {"finished": [0.5]}, trials=1)
    assert "stopped" in said(capsys, "status", run)
    document = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**document, "hops": {"ensemble": "x"}}))
    (run / "report.html").touch()
    assert f"{run}: finished" in said(capsys, "status", run)


def test_looking_leaves_every_file_as_it_is(capsys: Capture, run: Path) -> None:
    with open(run / "journal.jsonl", "a") as stream:
        stream.write('{"event": "epo')  # a line that the search is just writing
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for words in (["status", run], ["leaderboard", run], ["compare", run, run]):
        said(capsys, *words)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.reliability("two-drivers")
def test_a_look_at_the_lock_does_not_keep_a_search_from_starting(run: Path) -> None:
    code = "import sys; from pathlib import Path; from trashseg_core.disk.locks import lock_holder\n"
    code += "print(1, flush=True)\nwhile True: lock_holder(Path(sys.argv[1]))"
    (run / ".lock").touch()
    command = [sys.executable, "-c", code, str(run / ".lock")]
    looker = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    try:
        assert looker.stdout is not None and looker.stdout.readline()
        for _ in range(200):
            with locked(run / ".lock", wait=False):
                pass
    finally:
        looker.kill()
        looker.communicate()


@pytest.mark.reliability("two-drivers")
def test_a_lock_names_its_holder_as_long_as_it_is_held(run: Path) -> None:
    assert lock_holder(run / ".lock") is None
    with driven(run) as process:
        assert lock_holder(run / ".lock") == str(process)
    assert lock_holder(run / ".lock") is None


def test_the_pace_leaves_out_the_time_in_which_the_search_was_stopped() -> None:
    assert pace_s([0, 10, 20, 30, 5030, 5040]) == 10
    assert pace_s([3]) is None


def test_the_leaderboard_ranks_running_trials_too_and_failed_ones_last(capsys: Capture, run: Path) -> None:
    with driven(run):
        rows = json.loads(said(capsys, "leaderboard", run, "--json"))
    assert [(row["rank"], row["trial"], row["status"]) for row in rows] == [
        *((1, "t0003", "running"), (2, "t0000", "finished"), (3, "t0001", "stopped"), (4, "t0002", "failed")),
    ]
    assert rows[1]["best_epoch"] == 2 and rows[1]["val_miou"] == 0.5
    low, high = rows[1]["interval"]
    assert low < high and rows[3]["interval"] is None


def test_the_leaderboard_shows_what_varies_and_no_more_than_asked_for(capsys: Capture, run: Path) -> None:
    text = said(capsys, "leaderboard", run, "--top", "2")
    assert "t0003" in text and "t0000" in text and "t0001" not in text
    assert "lr=0.3" in text and "optimizer" not in text


def test_a_trial_that_nobody_drives_is_open(capsys: Capture, run: Path) -> None:
    assert json.loads(said(capsys, "leaderboard", run, "--json"))[0]["status"] == "open"


def test_a_leaderboard_of_no_row_is_refused(capsys: Capture, run: Path) -> None:
    assert "`--top` is 0, but must be 1 or more" in refused(capsys, "leaderboard", run, "--top", "0")


def test_the_difference_of_two_scores_is_taken_photo_by_photo() -> None:
    a, better = confusions([1, 3, 5, 7, 9, 2, 4, 6]), confusions([2, 4, 6, 8, 10, 3, 5, 7])
    order = [7, 6, 5, 4, 3, 2, 1, 0]
    turned = Confusions(better.per_image[order], [better.file_names[one] for one in order], CLASSES)
    assert paired_interval(a, better) == paired_interval(a, turned)
    low, high = paired_interval(a, better) or (0.0, 0.0)
    assert 0 < low < high < 0.2, "each photo is better by the same, so the draws differ little"


@pytest.mark.parametrize(
    "other", [confusions([1] * 8, "ijklmnop"), Confusions(np.ones((8, 2, 2)), list("abcdefgh"), ["a", "b"])]
)
def test_scores_of_other_photos_or_classes_have_no_paired_interval(other: Confusions) -> None:
    assert paired_interval(confusions([1] * 8), other) is None


def test_a_comparison_tells_scores_cost_settings_and_data(capsys: Capture, run: Path, tmp_path: Path) -> None:
    other = write_search(tmp_path / "runs" / "second", {"finished": [0.7, 0.8]}, top_k=3)
    found = json.loads(said(capsys, "compare", run, other, "--json"))
    assert found["scores"][0]["difference"] == pytest.approx(0.2) and len(found["scores"][0]["interval"]) == 2
    assert found["cost"][1] == {"trials": {"finished": 1}, "epochs": 2, "training_s": 4.0}
    assert (found["settings"], found["same_data"]) == ({"top_k": [5, 3]}, {"train": True, "val": True})
    text = said(capsys, "compare", run, other)
    assert "+0.2000" in text and "top_k: 5 | 3" in text and "data: the same" in text


@pytest.mark.parametrize("words", [["status"], ["leaderboard"], ["compare", "."]])
def test_a_folder_without_a_search_is_refused(capsys: Capture, tmp_path: Path, words: list[str]) -> None:
    assert "there is no search here" in refused(capsys, *words, tmp_path)


@pytest.mark.parametrize("verb", ["status", "leaderboard"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("manifest.json", "{"), ("manifest.json", "[]"), ("manifest.json", '{"schema": 1, "settings": {"x": 1}}')),
        *(
            ("journal.jsonl", "[]\n"),
            ("journal.jsonl", "\x00\n"),
            ("journal.jsonl", '{"event": "epoch", "key": "t1"}\n'),
        ),
    ],
)
def test_a_damaged_folder_is_refused(capsys: Capture, run: Path, verb: str, name: str, content: str) -> None:
    (run / name).write_text(content)
    assert name in refused(capsys, verb, run)


def test_a_search_that_has_just_begun_has_a_status(tmp_path: Path, capsys: Capture) -> None:
    run = write_search(tmp_path / "new", {})
    assert "0 of 4 trials ended (none was started)" in said(capsys, "status", run)
    assert "No trial was started yet" in said(capsys, "leaderboard", run)
    assert read_status(run).document()["last_report_s"] is None
