"""The hash of a split follows its content: not the times, not the place, not what a cache may hold."""

import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tiny import write_folder, write_photo
from trashseg_core.data import identity
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.identity import data_digest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.setenv("TRASHSEG_CACHE", str(tmp_path / "cache"))
    return DataFolder(str(write_folder(tmp_path / "data", {"train": [(30, 40), (20, 20)], "val": [(30, 40)]})))


def digest(folder: DataFolder) -> str:
    return data_digest(folder, folder.read("train"))


def photos(folder: DataFolder) -> list[Path]:
    return [folder.photo_path(photo) for photo in folder.read("train").photos]


def test_a_copy_with_other_times_elsewhere_has_the_same_hash(folder: DataFolder, tmp_path: Path) -> None:
    before = digest(folder)
    copy = DataFolder(str(shutil.copytree(folder.path, tmp_path / "copy", copy_function=shutil.copyfile)))
    for path in photos(copy):
        os.utime(path, (1, 1))
    assert digest(copy) == before


def test_one_other_byte_of_one_photo_gives_another_hash(folder: DataFolder) -> None:
    before, path = digest(folder), photos(folder)[1]
    content, times = path.read_bytes(), path.stat().st_mtime_ns
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(times, times + 1))
    assert digest(folder) != before
    path.write_bytes(content)
    assert digest(folder) == before


def test_photos_that_changed_places_give_another_hash(folder: DataFolder) -> None:
    before, (one, other) = digest(folder), photos(folder)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second), other.write_bytes(first)
    assert digest(folder) != before


def test_other_annotations_and_other_choices_give_another_hash(folder: DataFolder) -> None:
    before = digest(folder)
    assert digest(replace(folder, skip_bad=True)) != before
    path = Path(folder.path) / "train.json"
    path.write_text(path.read_text() + "\n")
    assert digest(folder) != before


def test_photos_are_read_once(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(folder)
    monkeypatch.setattr(identity, "file_digest", lambda _: pytest.fail("a photo was read again"))
    assert digest(folder) == before


@pytest.mark.parametrize("fault", ["damaged", "not writable", "of others"])
def test_a_cache_that_cannot_be_used_changes_nothing(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    before, cache = digest(folder), tmp_path / "cache"
    if fault == "damaged":
        for path in cache.glob(f"*/{identity.FILE}"):
            path.write_bytes(b"\xff")
    elif fault == "not writable":
        monkeypatch.setenv("TRASHSEG_CACHE", str(tmp_path / "data" / "train.json" / "cache"))
    else:
        cache.chmod(cache.stat().st_mode | stat.S_IWOTH)
        for path in cache.glob(f"*/{identity.FILE}"):
            path.write_text("0" * 16)
    assert digest(folder) == before


def test_a_file_larger_than_any_photo_counts_by_its_size(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "MAX_BYTES_PER_PX", 0)
    monkeypatch.setattr(identity, "file_digest", lambda _: pytest.fail("it was read"))
    before = digest(folder)
    write_photo(photos(folder)[0], 31, 41)
    assert digest(folder) != before
