"""A committed folder is whole or absent at every moment, and everybody may read it."""

import os
import tempfile
from pathlib import Path

import pytest

from trashseg_core.disk import files
from trashseg_core.disk.files import atomic_folder, commit_folder

pytestmark = pytest.mark.reliability("half-writes")


def make(parent: Path, text: str) -> Path:
    """A folder as `mkdtemp` makes it, with one file."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    (folder / "a").write_text(text, encoding="ascii")
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A committed folder with the content "old"."""
    commit_folder(make(tmp_path, "old"), tmp_path / "x")
    return tmp_path / "x"


def content(target: Path) -> tuple[list[str], str]:
    """Names beside the target, hidden ones too, and what it holds."""
    return sorted(os.listdir(target.parent)), (target / "a").read_text(encoding="ascii")


def test_a_committed_folder_can_be_read_by_everybody(target: Path) -> None:
    assert target.stat().st_mode & 0o777 == 0o755
    commit_folder(make(target.parent, "new"), target)
    assert target.stat().st_mode & 0o777 == 0o755


def test_a_folder_is_replaced_without_a_moment_in_which_it_is_missing(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "replace", lambda *_: pytest.fail("moved away first"))
    commit_folder(make(target.parent, "new"), target)
    assert content(target) == (["x"], "new")


def test_where_folders_cannot_be_exchanged_they_are_renamed(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_exchange", lambda *_: False)
    commit_folder(make(target.parent, "new"), target)
    assert content(target) == (["x"], "new")


def test_a_kill_between_the_renames_is_mended_by_the_next_commit(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_exchange", lambda *_: False)
    rename = os.replace

    def killed(source: Path, path: Path) -> None:
        if path == target:
            raise KeyboardInterrupt
        rename(source, path)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", killed)
        with atomic_folder(target) as temporary:
            (temporary / "a").write_text("lost", encoding="ascii")
    assert os.listdir(target.parent) == [".x.old"]
    commit_folder(make(target.parent, "new"), target)
    assert content(target) == (["x"], "new")
