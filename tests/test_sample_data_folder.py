"""The generated data set is written where nothing can be lost, and nothing of it is written half."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_sources import files_of
from trashseg_core.data import sample_data, sample_photos
from trashseg_core.data.sample_data import write_sample_data

SIZE = 64


@pytest.mark.parametrize("name", ["train.json", "train_all.json", "val.json", "test.json"])
def test_a_folder_with_annotations_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(ValueError, match=rf"holds {name} already.*Name another folder"):
        write_sample_data(tmp_path, 6, SIZE)
    assert files_of(tmp_path) == {name: b"precious"}


@pytest.mark.parametrize("name", ["batch_01_vt/0001.jpg", "batch_09/0001.jpg", "notes.txt"])
def test_a_folder_that_holds_other_files_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("precious")
    with pytest.raises(ValueError, match=rf"holds {name} already.*Name another folder or remove that one"):
        write_sample_data(tmp_path, 6, SIZE)
    assert files_of(tmp_path) == {name: b"precious"}


def test_a_set_that_was_cut_off_is_not_mixed_with_another_one(tmp_path: Path) -> None:
    write_sample_data(tmp_path, 6, SIZE)
    for split in ("train", "val", "test"):
        (tmp_path / f"{split}.json").unlink()
    before = files_of(tmp_path)
    with pytest.raises(ValueError, match="or where the same command was cut off"):
        write_sample_data(tmp_path, 6, SIZE, seed=1)
    assert files_of(tmp_path) == before


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("precious")
    with pytest.raises(ValueError, match=r"is a file, but must be a folder.*Name another folder"):
        write_sample_data(tmp_path / "data", 6, SIZE)


def test_a_failure_while_drawing_leaves_whole_photos_only_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def draw_three(*arguments: Any) -> Any:
        drawn.append(arguments)
        if len(drawn) > 3:
            raise OSError("the disk is full")
        return sample_photos.draw_photo(*arguments)

    monkeypatch.setattr(sample_data, "draw_photo", draw_three)
    with pytest.raises(OSError, match="disk is full"):
        write_sample_data(tmp_path, 6, SIZE)
    monkeypatch.undo()
    left = files_of(tmp_path)
    assert [Path(name).suffix for name in left] == [".jpg"] * 3
    write_sample_data(tmp_path, 6, SIZE)
    assert left.items() <= files_of(tmp_path).items()


@pytest.mark.parametrize("victim", ["batch_01_vt/0002.jpg", "test.json", "val.json", "train.json"])
def test_a_failed_write_leaves_no_half_file_and_no_train_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    replace = os.replace

    def fail_at_victim(source: Any, target: Any) -> None:
        if Path(target) == tmp_path / victim:
            raise OSError("the disk is full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_at_victim)
    with pytest.raises(OSError, match="disk is full"):
        write_sample_data(tmp_path, 6, SIZE)
    left = files_of(tmp_path)
    assert not {victim, "train.json"} & set(left)
    assert not any(Path(name).name.startswith(".") for name in left)
