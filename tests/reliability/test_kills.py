"""Signals at random moments: whatever is killed whenever, what a search comes to is what it comes to undisturbed."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from experiments.journal import JournalReader
from tests.interrupted_search import TRIALS
from tests.reliability.cases import Cases
from tests.reliability.processes import CODES, ROOT, Marked, command_of, draw_signal
from tests.test_interruption import steps, study

pytestmark = [pytest.mark.slow, pytest.mark.reliability("kills")]


class Campaign:
    """Searches one after another, each killed again and again until it has come to its end."""

    def __init__(self, out: Path, calm: Marked) -> None:
        self.out, self.calm, self.number = out, calm, 0

    @property
    def folder(self) -> Path:
        return self.out / f"disturbed{self.number}"

    def start(self) -> Marked:
        """Start the search, or go on with it, until it can be interrupted."""
        driver = Marked(["-m", "tests.interrupted_search", str(self.out), self.folder.name], ROOT)
        assert driver.wait_until(driver.listens)
        return driver

    def journal(self) -> bytes:
        path = self.folder / "journal.jsonl"
        content = path.read_bytes() if path.exists() else b""
        return content[: content.rfind(b"\n") + 1]

    def kill_once(self, rng: random.Random) -> str:
        """A round: go on, kill at a random moment, look at what is left. Returns what was done."""
        before, driver = self.journal(), self.start()
        moment, how = rng.choice(["time", "steps", "worker"]), draw_signal(rng)
        again = rng.choice([None, None, rng.uniform(0, 2)]) if how != signal.SIGKILL else None
        wanted = len(steps(self.folder)) + rng.randint(1, 9)
        if moment == "time":
            wait_s = rng.uniform(0, 8)
            driver_ended = not wait(driver, wait_s)
            told = f"{wait_s:.2f} s"
        else:
            driver_ended = not driver.wait_until(lambda: len(steps(self.folder)) >= wanted)
            told = f"step {wanted}"
        if moment == "worker" and not driver_ended:
            by = rng.choice([signal.SIGKILL, signal.SIGTERM])
            worker = steps(self.folder)[-1][2]
            if worker in driver.family():
                os.kill(worker, by)
            told += f", worker {by.name}"
            wanted += rng.randint(0, 3)
            driver_ended = not driver.wait_until(lambda: len(steps(self.folder)) >= wanted)
        driver.end(how, again)
        assert self.journal().startswith(before), "what was recorded before is gone"
        ended = driver.driver.returncode == 0
        if ended:
            self.check()
            self.number += 1
        return f"{how.name} after {told}{'' if again is None else f', again after {again:.2f} s'}{' (ended)' * ended}"

    def finish(self) -> None:
        """Leave the search alone for once, and hold it against the undisturbed one."""
        driver = self.start()
        driver.check_end(0)
        self.check()

    def check(self) -> None:
        """The same trials, proposals, epochs and ends, each once."""
        self.calm.check_end(0)
        lines = self.journal().splitlines()
        events = [json.loads(line) for line in lines]
        for kind in ("trial", "end"):
            keys = [event["key"] for event in events if event["event"] == kind]
            assert sorted(keys) == [f"t{number:04d}" for number in range(TRIALS)], f"{kind}: {keys}"
        epochs = [(event["key"], event["epoch"]) for event in events if event["event"] == "epoch"]
        assert len(set(epochs)) == len(epochs)
        assert study(self.folder) == study(self.out / "calm")
        records = [JournalReader(folder / "journal.jsonl").trials for folder in (self.folder, self.out / "calm")]
        assert records[0] == records[1]


def test_a_search_whose_ray_is_killed_ends_with_a_word_instead_of_hanging(tmp_path: Path) -> None:
    driver = Marked(["-m", "tests.interrupted_search", str(tmp_path), "bereft"], ROOT)
    driver.wait_until(lambda: len(steps(tmp_path / "bereft")) >= 3)
    before = (tmp_path / "bereft" / "journal.jsonl").read_bytes()
    raylet = next(pid for pid in driver.family() if command_of(pid).split(" ")[0].endswith("/raylet"))
    os.kill(raylet, signal.SIGKILL)
    assert "Ray's process raylet was killed" in driver.check_end(1)
    assert (tmp_path / "bereft" / "journal.jsonl").read_bytes().startswith(before)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_program_is_still_loading_ends_it_with_a_line(
    tmp_path: Path, how: signal.Signals, cases: Cases
) -> None:
    for number in range(3):
        cases.add()
        driver = Marked([str(ROOT / "run_search.py"), "resume", str(tmp_path / "nothing")], tmp_path)
        driver.wait_until(driver.listens)
        time.sleep(random.Random(number).uniform(0, 0.3))
        driver.driver.send_signal(how)
        assert len(driver.check_end(CODES[how], 2).splitlines()) == 1


def wait(driver: Marked, seconds: float) -> bool:
    """Wait so long; False where the driver ended first."""
    try:
        return driver.wait_until(lambda: False, seconds)
    except TimeoutError:
        return True


def test_signals_at_random_moments_change_nothing_of_what_a_search_comes_to(
    tmp_path: Path, rounds: int, cases: Cases, request: pytest.FixtureRequest
) -> None:
    log = request.config.getoption("--reliability-log")
    calm = Marked(["-m", "tests.interrupted_search", str(tmp_path), "calm"], ROOT)
    campaign = Campaign(tmp_path, calm)
    for number in range(rounds):
        cases.add()
        told = campaign.kill_once(random.Random(number))
        if log:
            with open(log, "a", encoding="utf-8") as stream:
                stream.write(f"kills: round {number}: {told}\n")
    campaign.finish()
