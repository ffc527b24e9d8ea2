"""A process that judges cases one after another, and tells what became of each."""

import faulthandler
import os
import resource
import shutil
import sys
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch

from experiments.verbs.command_line import NO_SUCH_NAMES
from tests.reliability.fuzzing.case import Judge
from trashseg_core.errors import BadInput

SPARE_BYTES = 3 * 2**30
"""Address space beyond what the imports took: whoever wants more is refused, and the case is lost."""


class Answer(NamedTuple):
    """What became of a case."""

    outcome: str
    """`fine`, `bad input` or `crash`."""
    detail: str
    seconds: float


class Job(NamedTuple):
    """A case on its way to a worker."""

    number: int
    replaced: dict[str, str | None]
    """File to take in place of each path of the folder; None: it is gone."""


def work(pipe: Connection, judge: Judge, valid: str, sandbox: str) -> None:
    """Answer jobs until the pipe closes.

    Args:
        valid: folder of valid files; stays as it is.
        sandbox: a new folder that this process may do everything in.
    """
    place = Path(sandbox)
    place.mkdir(parents=True)
    _quiet(place)
    os.environ["TRASHSEG_CACHE"] = str(place / "scratch" / "cache")
    torch.set_num_threads(1)
    folder, scratch, elsewhere = place / "folder", place / "scratch", place / "elsewhere"
    elsewhere.mkdir()
    os.chdir(elsewhere)
    shutil.copytree(valid, folder)
    scratch.mkdir()
    names = [os.path.relpath(path, valid) for path in _listing(Path(valid))]
    judge(folder, scratch, -1, names)  # valid files are fine, and everything that is needed is loaded
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, used + SPARE_BYTES))
    pipe.send("ready")
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        _fresh(Path(valid), folder, scratch)
        for name, source in job.replaced.items():
            (folder / name).unlink(missing_ok=True)
            if source is not None:
                shutil.copyfile(source, folder / name)
        pipe.send(_judge(judge, folder, scratch, elsewhere, job))


def _judge(judge: Judge, folder: Path, scratch: Path, elsewhere: Path, job: Job) -> Answer:
    before, started = _listing(folder), time.perf_counter()
    try:
        judge(folder, scratch, job.number, job.replaced.keys())
        answer = "fine", ""
    except BadInput as error:
        answer = "bad input", str(error)
    except OSError as error:
        known = error.errno in NO_SUCH_NAMES  # `run_command` says so in one line
        answer = ("bad input", str(error)) if known else ("crash", traceback.format_exc())
    except BaseException:
        answer = "crash", traceback.format_exc()
    seconds = time.perf_counter() - started
    after = _listing(folder)
    if after != before and answer[0] != "crash":
        answer = "crash", f"the folder changed: {sorted(after.items() ^ before.items())[:4]}"
    if os.listdir(elsewhere) and answer[0] != "crash":
        answer = "crash", f"written elsewhere: {os.listdir(elsewhere)[:4]}"
    return Answer(*answer, seconds)


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file."""
    found: dict[str, tuple[int, int]] = {}
    for root, _, names in os.walk(folder):
        for name in names:
            state = os.lstat(os.path.join(root, name))
            found[os.path.join(root, name)] = state.st_size, state.st_mtime_ns
    return found


def _fresh(valid: Path, folder: Path, scratch: Path) -> None:
    """Make the folder what it was before the last case."""
    wanted, there = _listing(valid), _listing(folder)
    known = _KNOWN.setdefault(str(folder), {})
    for path in there:
        name = os.path.relpath(path, folder)
        if str(valid / name) not in wanted:
            os.unlink(path)
    for path in wanted:
        name = os.path.relpath(path, valid)
        target = str(folder / name)
        if there.get(target) is None or there[target] != known.get(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(path, target)
            state = os.lstat(target)
            known[target] = state.st_size, state.st_mtime_ns
    for written in (scratch, folder.with_name("elsewhere")):
        for path in written.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


_KNOWN: dict[str, dict[str, tuple[int, int]]] = {}


def _quiet(place: Path) -> None:
    """Show nothing; what dies leaves its stack."""
    log = os.open(place / "stderr.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 2)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stdout = open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")  # as `run_command` has it
    faulthandler.enable()
