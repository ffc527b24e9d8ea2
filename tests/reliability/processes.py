"""Processes that tests kill: started with a mark in their environment, by which all that they started are found."""

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}
PATIENCE_S = 30.0
"""Longest that a process may outlive its driver."""


@dataclass
class Marked:
    """A process with everything that it starts, and that these start."""

    words: list[str]
    cwd: Path
    environment: dict[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: f"TRASHSEG_MARK={uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        name, _, value = self.mark.partition("=")
        environment = {**os.environ, name: value, "PYTHONPATH": str(ROOT), **self.environment}
        self.driver = subprocess.Popen(
            [sys.executable, *self.words],
            cwd=self.cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.killed = 0

    def family(self) -> list[int]:
        """Ids of the living processes that carry the mark, the driver among them."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._carries(pid)]

    def _carries(self, pid: int) -> bool:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            return self.mark.encode() in environment and is_alive(pid)
        except OSError:
            return False

    def listens(self) -> bool:
        """Whether the driver handles SIGTERM by now: before that, it has not begun."""
        try:
            status = Path(f"/proc/{self.driver.pid}/status").read_text(encoding="ascii")
        except OSError:
            return False
        return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1)

    def wait_until(self, holds: Callable[[], object], seconds: float = 300) -> bool:
        """Wait for something to hold; False where the driver ended first.

        Raises:
            TimeoutError: neither came.
        """
        deadline = time.monotonic() + seconds
        while not holds():
            if self.driver.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.words} stands still")
            time.sleep(0.01)
        return True

    def end(self, how: signal.Signals, again_after_s: float | None = None) -> None:
        """Kill the driver, and check its exit code and that nothing stays behind.

        Args:
            again_after_s: the signal is sent once more then.
        """
        if self.driver.poll() is None:
            self.driver.send_signal(how)
            if again_after_s is not None:
                time.sleep(again_after_s)
                self.driver.send_signal(how)
        self.check_end(CODES[how], 0)

    def check_end(self, *codes: int) -> str:
        """Wait for the driver's end: one of these exit codes, nobody left behind; return what it complained of."""
        _, said = self.driver.communicate(timeout=300)
        assert self.driver.returncode in codes, f"{self.driver.returncode}: {said.decode()[-3000:]}"
        assert b"Traceback" not in said and b"Exception ignored" not in said, said.decode()[-3000:]
        deadline = time.monotonic() + PATIENCE_S
        while left := self.family():
            if time.monotonic() > deadline:
                told = [command_of(pid) for pid in left]
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                raise AssertionError(f"outlived their driver: {told}")
            time.sleep(0.1)
        return said.decode()


def command_of(pid: int) -> str:
    """The command line of a process, empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether a process is there and not only waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def draw_signal(rng: random.Random) -> signal.Signals:
    """One of the three."""
    return rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
