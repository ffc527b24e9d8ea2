"""Folders that may not be written to: one line and exit code 2 before any work is lost, or it works without."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import run_search
from tests.reliability.cases import Cases
from tests.reliability.small_run import small_run
from tests.tiny import FASTEST, write_folder
from tests.whole_search import search_words

pytestmark = pytest.mark.reliability("read-only")
Close = Callable[[Path], None]


@pytest.fixture
def close(tmp_path: Path) -> Iterator[Close]:
    """Make a folder read-only: by a mount where we are root, whom rights do not bind, and by its rights elsewhere."""
    mounted: list[Path] = []

    def make(folder: Path) -> None:
        if os.getuid():
            for path in (folder, *(one for one in folder.rglob("*") if one.is_dir())):
                path.chmod(0o555)
        else:
            bound = ["mount", "--bind", str(folder), str(folder)]
            if subprocess.run(bound, capture_output=True).returncode:
                pytest.skip("root may not mount here, and rights do not bind root")
            mounted.append(folder)
            subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
    for folder in [tmp_path, *tmp_path.rglob("*")]:
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o755)


@pytest.fixture
def first(tmp_path: Path, sample_folder: Path) -> Path:
    """A run folder."""
    return small_run(tmp_path, sample_folder)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a command is refused with."""
    capsys.readouterr()
    code = run_search.main(list(words))
    said = capsys.readouterr().err.splitlines()
    assert (code, len(said)) == (2, 1), (words, code, said)
    return said[0]


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_verb_that_writes_into_a_read_only_run_folder_says_so_and_changes_nothing(
    first: Path, close: Close, capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    before = contents(first)
    close(first)
    for verb in ("resume", "ensemble", "submit", "report", "folds", "pseudo", "stability", "export-study", "sync"):
        cases.add()
        more = ("--images", str(first)) if verb == "pseudo" else ()
        assert str(first) in refused(capsys, verb, str(first), *more)
    assert contents(first) == before


def test_what_only_looks_and_a_submission_to_elsewhere_work_with_a_read_only_run_folder(
    first: Path, close: Close, cases: Cases
) -> None:
    close(first)
    mine = first.parent / "mine.csv"
    for words in (["status"], ["leaderboard"], ["submit", "--output", str(mine)]):
        cases.add()
        assert run_search.main([words[0], str(first), *words[1:]]) == 0
    assert run_search.main(["submit", "--check", str(mine), str(first)]) == 0


def test_outputs_that_cannot_be_written_are_refused(
    first: Path, sample_folder: Path, close: Close, capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    closed, data = first.parent / "closed", str(sample_folder)
    closed.mkdir()
    close(closed)
    small = [f"{name}={value}" for name, value in FASTEST.items()]
    for words in (
        search_words(sample_folder, closed, "new", 1, 1),
        ("submit", str(first), "--output", str(closed / "mine.csv")),
        ("predict", str(first / "ensemble"), data, "--out", str(closed / "maps")),
        ("stability", str(first), "--out", str(closed / "s.json")),
        ("export-study", str(first), "--out", str(closed / "study.db")),
        ("sample-data", str(closed / "data")),
        ("check", data, "--show-augmix", str(closed / "a.png"), "--set", "image_size=64"),
        ("train", "--data", data, "--out", str(closed / "one"), "--set", *small),
        ("import-masks", data, data, str(closed / "imported")),
    ):
        cases.add()
        assert str(closed) in refused(capsys, *words)
    assert list(closed.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_refused_before_the_search(
    tmp_path: Path,
    sample_folder: Path,
    close: Close,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "cache").mkdir()
    close(tmp_path / "cache")
    monkeypatch.setenv("TRASHSEG_CACHE", str(tmp_path / "cache"))
    words = ("train", "--data", str(sample_folder), "--out", str(tmp_path / "one"), "--set")
    small = [f"{name}={value}" for name, value in FASTEST.items()]
    assert "TRASHSEG_CACHE" in refused(capsys, *words, *small)


def test_a_data_folder_may_be_read_only(tmp_path: Path, close: Close) -> None:
    data = write_folder(tmp_path / "data", {"train": [(64, 64)] * 4, "val": [(64, 64)] * 2})
    close(data)
    small = [f"{name}={value}" for name, value in {**FASTEST, "epochs": 1}.items()]
    assert run_search.main(["train", "--data", str(data), "--out", str(tmp_path / "one"), "--set", *small]) == 0
