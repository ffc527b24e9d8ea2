"""The exit code says how a program ended, wherever the signal found it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INTERRUPTED = """
import sys
from experiments.signals import ignore_signals
try:
    exec("raise KeyboardInterrupt")
except KeyboardInterrupt:
    pass
if "ignore" in sys.argv:
    ignore_signals()
sys.exit(143)
"""


@pytest.mark.parametrize(("words", "code"), [((), -2), (("ignore",), 143)])
def test_a_module_whose_imports_were_interrupted_ends_with_its_own_exit_code(
    tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    (tmp_path / "interrupted.py").write_text(INTERRUPTED)
    command = [sys.executable, "-m", "interrupted", *words]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (code, b"")


SWALLOWED = """
import logging, os, signal, sys, threading, time
from experiments.signals import unwind_on_signals

how = sys.argv[1]

def interrupt():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.001)

class Last:
    def __del__(self):
        interrupt()

def release(_ours=logging._releaseLock):
    interrupt()  # as if it came while logging lets go of its lock
    _ours()

if how == "fork":
    os.register_at_fork(before=logging._acquireLock, after_in_parent=release)
received = unwind_on_signals()
try:
    if how == "fork":
        if os.fork() == 0:
            os._exit(0)
    else:
        Last()
    for _ in range(500):
        time.sleep(0.01)
    print("lost")
except KeyboardInterrupt:
    free = []
    def try_lock():
        free.append(logging._lock.acquire(timeout=5))
        if free[0]:
            logging._lock.release()
    thread = threading.Thread(target=try_lock)
    thread.start(), thread.join()
    print([signal.Signals(one).name for one in received], free)
"""


@pytest.mark.reliability("kills")
@pytest.mark.parametrize("how", ["fork", "delete"])
def test_a_signal_where_python_ignores_exceptions_unwinds_a_moment_later(how: str) -> None:
    command = [sys.executable, "-c", SWALLOWED, how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "['SIGTERM'] [True]\n", "")


UNRAISABLE = """
from experiments.signals import unwind_on_signals

class Last:
    def __del__(self):
        raise ValueError("another error")

unwind_on_signals()
Last()
"""


def test_other_errors_that_python_ignores_are_still_told() -> None:
    done = subprocess.run([sys.executable, "-c", UNRAISABLE], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "ValueError: another error" in done.stderr
