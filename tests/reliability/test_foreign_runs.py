"""Nobody goes on with a run folder that somebody else wrote, or could write to."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import run_search
from tests.made_run import made_search
from tests.reliability.cases import Cases
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.disk import ownership
from trashseg_core.disk.ownership import fault_in
from trashseg_core.errors import BadInput

pytestmark = pytest.mark.reliability("foreign-runs")
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
STRANGER = 12345
VERBS = (
    *("resume RUN", "folds RUN", "pseudo RUN --images x.json", "ensemble RUN", "submit RUN", "report RUN", "sync RUN"),
    *("ui RUN", "stability RUN", "export-study RUN"),
    "search --data DATA --space quick --name first --out OUT",
)


@pytest.fixture
def run(tmp_path: Path, sample_folder: Path) -> Path:
    """A run folder as a search leaves it, in a folder of runs."""
    (tmp_path / "runs").mkdir()
    made = made_search(tmp_path / "runs" / "first", num_trials=3)
    (made / ".lock").touch()
    return made


def words_of(verb: str, run: Path, data: Path) -> list[str]:
    """The command line of a verb."""
    places = {"RUN": str(run), "DATA": str(data), "OUT": str(run.parent)}
    return [places.get(word, word) for word in verb.split()]


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Name, size and time of change of all that lies in a folder."""
    found = {str(path): path.lstat() for path in sorted(folder.rglob("*"))}
    return {name: (status.st_size, status.st_mtime_ns) for name, status in found.items() if not name.endswith(".lock")}


def given_away(path: Path) -> None:
    """Let a file or folder belong to somebody else."""
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)


def open_to_a_group(path: Path) -> None:
    """Let a group with other people in it write."""
    os.chown(path, -1, STRANGER)
    path.chmod(path.stat().st_mode | stat.S_IWGRP)


def open_to_all(path: Path) -> None:
    """Let everybody write."""
    path.chmod(path.stat().st_mode | stat.S_IWOTH)


OPENED = [
    pytest.param(given_away, ".", "belongs to user id 12345", marks=only_root),
    pytest.param(given_away, "manifest.json", "belongs to user id 12345", marks=only_root),
    pytest.param(given_away, "trials/t0000", "belongs to user id 12345", marks=only_root),
    pytest.param(open_to_a_group, ".", "can be written by a group", marks=only_root),
    pytest.param(open_to_a_group, "journal.jsonl", "can be written by a group", marks=only_root),
    (open_to_all, ".", "can be written by everybody"),
    (open_to_all, "journal.jsonl", "can be written by everybody"),
    (open_to_all, "results.json", "can be written by everybody"),
    (open_to_all, "trials", "can be written by everybody"),
    (open_to_all, "..", "above it, can be written by everybody"),
]


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_that_is_not_ours_alone_is_left_alone(
    run: Path, sample_folder: Path, capsys: pytest.CaptureFixture[str], cases: Cases, verb: str
) -> None:
    opened = [
        one.values if hasattr(one, "values") else one for one in OPENED if os.geteuid() == 0 or type(one) is tuple
    ]
    cases.add(len(opened))
    for how, name, told in opened:
        kept = run.parent.parent / "kept"
        shutil.copytree(run, kept)
        how(run / name)  # type: ignore[operator]
        before = snapshot(run)
        assert run_search.main(words_of(verb, run, sample_folder)) == 2, (how, name)
        said = capsys.readouterr().err
        assert str(told) in said and "not yours alone" in said and said.count("\n") == 1
        assert snapshot(run) == before
        run.parent.chmod(0o755)
        shutil.rmtree(run)
        kept.rename(run)


@only_root
@pytest.mark.parametrize("name", [".", "manifest.json", "trials"])
def test_a_link_into_the_folder_of_somebody_else_is_refused(run: Path, tmp_path: Path, name: str) -> None:
    theirs = tmp_path / "theirs"
    (run / name).rename(theirs) if name != "." else shutil.copytree(run, theirs)
    for path in [theirs, *theirs.rglob("*")]:
        given_away(path)
    link = tmp_path / "runs" / "linked" if name == "." else run / name
    link.symlink_to(theirs)
    assert run_search.main(["resume", str(link if name == "." else run)]) == 2
    assert "belongs to user id 12345" in str(fault_in(link if name == "." else run))


def test_a_folder_of_ours_in_a_place_for_everybody_is_fine(tmp_path: Path) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    place.chmod(0o1777)
    (place / "mine").mkdir()
    assert fault_in(place / "mine") is None


def test_a_link_that_leads_round_in_a_circle_is_looked_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "nowhere").symlink_to(tmp_path / "b")
    assert fault_in(tmp_path / "a") is None


def test_the_group_that_is_ones_own_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "_is_private", lambda path, gid: gid == os.getegid())
    tmp_path.chmod(0o775)
    assert fault_in(tmp_path) is None


def test_what_a_verb_writes_is_closed_to_others_whatever_the_user_s_mask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert run_search.main(["sample-data", str(tmp_path / "data"), "--images", "12"]) == 0
        modes = [path.stat().st_mode & 0o022 for path in (tmp_path / "data").rglob("*")]
        assert modes and set(modes) == {0}
    finally:
        os.umask(before)


@pytest.mark.parametrize("how", [open_to_all, pytest.param(given_away, marks=only_root)])
def test_a_cache_that_others_may_fill_is_not_used(
    tmp_path: Path, sample_folder: Path, monkeypatch: pytest.MonkeyPatch, how: Callable[[Path], None]
) -> None:
    root = tmp_path / "cache"
    root.mkdir()
    monkeypatch.setenv("TRASHSEG_CACHE", str(root))
    how(root)
    with pytest.raises(BadInput, match="the cache is not yours alone"):
        open_split(DataFolder(str(sample_folder)), "val", 64)
    assert list(root.iterdir()) == []


def test_looking_at_the_run_of_somebody_else_is_allowed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_to_all(run)
    assert [run_search.main([verb, str(run)]) for verb in ("status", "leaderboard")] == [0, 0]
