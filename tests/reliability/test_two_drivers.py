"""Two processes in one run folder: the second one is refused with the first one's id, and the first one goes on."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import run_search
from experiments.submissions import read_submissions
from tests.reliability.cases import Cases
from tests.reliability.small_run import small_run
from trashseg_core.disk import locks
from trashseg_core.disk.files import read_json, write_json
from trashseg_core.disk.locks import lock_holder, locked
from trashseg_core.ensemble.bundle import read_ensemble
from trashseg_core.ensemble.loading import load_ensemble
from trashseg_core.errors import BadInput

pytestmark = pytest.mark.reliability("two-drivers")
ROOT = Path(__file__).parents[2]
HOLD = "import sys, time; from pathlib import Path; from trashseg_core.disk.locks import locked\n"
HOLD += "with locked(Path(sys.argv[1]), wait=False): print('held', flush=True); time.sleep(600)"


@pytest.fixture
def first(tmp_path: Path, sample_folder: Path) -> Path:
    """A run folder."""
    return small_run(tmp_path, sample_folder)


@pytest.fixture
def holder(first: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that works in the run folder."""
    words = [sys.executable, "-c", HOLD, str(first / ".lock")]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_every_verb_that_works_in_a_run_folder_is_refused_and_names_the_process_that_does(
    first: Path, holder: subprocess.Popen[str], sample_folder: Path, capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    search = ("search", "--data", str(sample_folder), "--space", "quick", "--out", str(first.parent), "--name", "first")
    run, photos = str(first), ("--images", str(sample_folder))
    verbs = [(verb, run) for verb in ("resume", "ensemble", "submit", "report", "folds", "sync")]
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    for words in (search, ("pseudo", run, *photos), *verbs):
        cases.add()
        capsys.readouterr()
        assert run_search.main(list(words)) == 2, words
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1 and f"is in use by process {holder.pid}." in said
    assert {path: path.read_bytes() for path in first.rglob("*") if path.is_file()} == before


def test_looking_and_a_submission_to_elsewhere_go_on_beside_a_search(
    first: Path, holder: subprocess.Popen[str], cases: Cases
) -> None:
    mine = str(first.parent / "mine.csv")
    for words in (["status"], ["leaderboard"], ["stability"], ["export-study"], ["submit", "--output", mine]):
        cases.add()
        assert run_search.main([words[0], str(first), *words[1:]]) == 0
    assert [Path(one.path).name for one in read_submissions(first)] == ["mine.csv"]
    assert lock_holder(first / ".lock") == str(holder.pid)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_of_a_dead_process_blocks_nobody(
    first: Path, holder: subprocess.Popen[str], how: signal.Signals
) -> None:
    holder.send_signal(how)
    holder.wait()
    assert (first / ".lock").read_text().split()[0] == str(holder.pid)
    with locked(first / ".lock", wait=False):
        assert (first / ".lock").read_text().split() == [str(os.getpid()), socket.gethostname()]


def test_a_holder_on_another_host_is_named_with_its_host(tmp_path: Path) -> None:
    with open(tmp_path / ".lock", "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.write("4711 elsewhere\n")
        stream.flush()
        assert lock_holder(tmp_path / ".lock") == "4711 on elsewhere"
        with pytest.raises(BadInput, match="in use by process 4711 on elsewhere"), locked(tmp_path / ".lock", False):
            pass
    with locked(tmp_path / ".lock", wait=False):
        assert lock_holder(tmp_path / ".lock") == str(os.getpid())


def test_a_file_system_without_locks_is_refused_and_not_written_to_unlocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", no_locks)
    with pytest.raises(BadInput, match="cannot be locked"), locked(tmp_path / ".lock", wait=False):
        pass


def test_a_fifo_in_the_place_of_the_lock_is_refused_and_nothing_waits(
    first: Path, capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    (first / ".lock").unlink(missing_ok=True)
    os.mkfifo(first / ".lock")
    for verb in ("resume", "ensemble", "submit", "report", "folds", "sync", "status", "leaderboard", "export-study"):
        cases.add()
        capsys.readouterr()
        assert run_search.main([verb, str(first)]) == 2, verb
        (said,) = capsys.readouterr().err.splitlines()
        assert "/.lock: not a regular file, but what is locked must be one. Remove it." in said


def test_of_two_that_start_at_once_one_gets_the_folder(tmp_path: Path, cases: Cases) -> None:
    words = [sys.executable, "-c", HOLD, str(tmp_path / ".lock")]
    cases.add(3)
    rivals = [
        subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    deadline = time.monotonic() + 60
    while sum(one.poll() is None for one in rivals) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    alive = [one for one in rivals if one.poll() is None]
    for one in alive:
        one.kill()
    said = [one.communicate()[0] for one in rivals]
    assert len(alive) == 1 and said.count("held\n") == 1


def test_an_ensemble_that_is_built_anew_while_it_is_read_is_not_mixed_with_the_old_one(first: Path) -> None:
    ensemble = read_ensemble(first / "ensemble")
    path = first / "ensemble" / "ensemble.json"
    write_json(path, {**read_json(path), "provenance": {"search": "first", "created": "later"}})
    with pytest.raises(BadInput, match="built anew while it was read"):
        load_ensemble(first / "ensemble", ensemble)
