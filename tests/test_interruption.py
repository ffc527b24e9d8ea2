"""Whatever kills a search, the next start goes on: nothing is lost, repeated or proposed differently."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from experiments.journal import JournalReader
from experiments.searcher import OptunaSearcher
from tests.interrupted_search import EPOCHS, TRIALS, space

pytestmark = [pytest.mark.slow, pytest.mark.reliability("kills")]
ROOT = Path(__file__).parents[1]


def start(out: Path, name: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tests.interrupted_search", str(out), name]
    with open(out / f"{name}.out", "ab") as stream:
        return subprocess.Popen(words, cwd=ROOT, stdout=stream, stderr=subprocess.PIPE)


def steps(folder: Path) -> list[tuple[str, int, int]]:
    """Trial, epoch and process of every step that was made."""
    path = folder / "steps.log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(key, int(epoch), int(pid)) for key, epoch, pid in map(str.split, lines)]


def wait_for_steps(driver: subprocess.Popen[bytes], folder: Path, more: int) -> None:
    """Wait until the driver's workers have made so many more steps."""
    wanted, deadline = len(steps(folder)) + more, time.monotonic() + 120
    while len(steps(folder)) < wanted:
        assert driver.poll() is None and time.monotonic() < deadline, "the search ended or stands still"
        time.sleep(0.02)


def study(folder: Path) -> list[tuple[Any, ...]]:
    """What Optuna is told of a search: params, states, values and intermediate values, in order."""
    searcher = OptunaSearcher(space, JournalReader(folder / "journal.jsonl"), "val_miou", TRIALS, 1)
    return [(one.params, one.state, one.values, one.intermediate_values) for one in searcher.study.get_trials()]


def end(driver: subprocess.Popen[bytes], how: signal.Signals, code: int) -> None:
    driver.send_signal(how)
    _, errors = driver.communicate(timeout=60)
    assert driver.returncode == code, errors.decode()[-2000:]


def test_kills_of_driver_and_worker_change_nothing_of_what_a_search_comes_to(tmp_path: Path) -> None:
    calm = start(tmp_path, "calm")
    folder = tmp_path / "disturbed"
    driver = start(tmp_path, "disturbed")
    wait_for_steps(driver, folder, 4)
    os.kill(steps(folder)[-1][2], signal.SIGKILL)  # the worker: Ray starts another one
    wait_for_steps(driver, folder, 3)
    end(driver, signal.SIGKILL, -signal.SIGKILL)
    for how, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        driver = start(tmp_path, "disturbed")
        wait_for_steps(driver, folder, 5)
        end(driver, how, code)
    last = start(tmp_path, "disturbed")
    assert last.wait(timeout=180) == 0 and calm.wait(timeout=180) == 0

    counts = Counter((key, epoch) for key, epoch, _ in steps(folder))
    assert all(count == 1 for count in counts.values()), f"epochs trained again: {counts - Counter(set(counts))}"
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    for kind in ("trial", "end"):
        keys = [event["key"] for event in events if event["event"] == kind]
        assert sorted(keys) == [f"t{number:04d}" for number in range(TRIALS)]
    for record in JournalReader(folder / "journal.jsonl").trials.values():
        assert sorted(record.epochs) == list(range(1, len(record.epochs) + 1))
        assert record.status == ("finished" if len(record.epochs) == EPOCHS else "stopped")
    assert study(folder) == study(tmp_path / "calm")
    assert (tmp_path / "calm.out").read_text() == "", "Ray says nothing of its own"
    (said,) = (tmp_path / "disturbed.out").read_text().splitlines()
    assert re.fullmatch(r"t\d{4}: its process died; another one goes on from (epoch \d+|its beginning)", said)
    assert last.stderr is not None and last.stderr.read() == b""
