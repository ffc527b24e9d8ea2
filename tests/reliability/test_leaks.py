"""Leaks: the same photo in train and val is refused, under whatever name; copies in test are told."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import run_search
from tests.reliability.bad_folders import (
    Capture,
    accepted,
    change,
    folder,
    good_folder,
    own_signal_handlers,
    read,
    refused,
    words_of,
)
from tests.reliability.cases import Cases
from tests.reliability.test_annotation_entries import put
from trashseg_core.data.near_duplicates import group_scenes
from trashseg_core.data.sample_data import write_sample_data

__all__ = ["folder", "own_signal_handlers"]
pytestmark = pytest.mark.reliability("leaks")

LEAK = "train.json train/1.png: the same picture as val/0.png in val.json: a leak."
ALL = ("check", "train", "search")


def copied(folder: Path) -> None:
    shutil.copyfile(folder / "val/0.png", folder / "train/1.png")


def linked(folder: Path) -> None:
    (folder / "train/1.png").unlink()
    (folder / "train/1.png").symlink_to("../val/0.png")


def hard_linked(folder: Path) -> None:
    (folder / "train/1.png").unlink()
    os.link(folder / "val/0.png", folder / "train/1.png")


WAYS = {"copy": copied, "link": linked, "hard-link": hard_linked}


@pytest.mark.parametrize("way", WAYS)
def test_a_val_photo_in_train_under_another_name_is_refused(
    folder: Path, capsys: Capture, cases: Cases, way: str
) -> None:
    WAYS[way](folder)
    refused(capsys, cases, folder, LEAK, ALL)


def test_skip_bad_trains_without_the_copy(folder: Path, capsys: Capture, cases: Cases) -> None:
    copied(folder)
    assert "1 bad entries would be left out" in accepted(capsys, cases, folder, ("--skip-bad",))
    cases.add()
    assert run_search.main([*words_of("train", folder), "--skip-bad"]) == 0
    assert "train: 1 bad entries left out, 2 photos used" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["val/0.png", "./val/0.png", "val//0.png", "val/./0.png"])
def test_a_val_photo_in_the_train_file_is_refused_whatever_flag_is_given(
    folder: Path, capsys: Capture, cases: Cases, name: str
) -> None:
    change(folder, put("images/1/file_name", name))
    said = "train.json: 1 of its photos are also in val.json (first: val/0.png). Scores on val.json would mean nothing."
    refused(capsys, cases, folder, said, ALL)
    refused(capsys, cases, folder, said, ("check", "train"), more=("--skip-bad",))


def test_train_all_with_its_own_val_is_refused(folder: Path, capsys: Capture, cases: Cases) -> None:
    val = read(folder, "val")["images"]
    change(folder, lambda document: document["images"].extend({**one, "id": 50 + one["id"]} for one in val))
    refused(capsys, cases, folder, "train.json: 2 of its photos are also in val.json", ALL)


@pytest.mark.parametrize("name", ["train/0.png", "./train/0.png", "train//0.png"])
def test_one_file_for_two_ids_is_a_finding(folder: Path, capsys: Capture, cases: Cases, name: str) -> None:
    change(folder, put("images/1/file_name", name))
    refused(capsys, cases, folder, f"/images/1: {name} is listed by /images/0 already. Take one entry out.", ALL)
    cases.add()
    assert run_search.main(words_of("check --all", folder)) == 2
    assert "/annotations/1: image_id 1 belongs to /images/1." in capsys.readouterr().out
    assert "2 bad entries would be left out" in accepted(capsys, cases, folder, ("--skip-bad",))


def test_one_test_file_for_two_ids_is_refused_even_with_skip_bad(folder: Path, capsys: Capture, cases: Cases) -> None:
    again = {**read(folder, "test")["images"][0], "id": 7}
    change(folder, lambda document: document["images"].append(again), "test")
    said = "test.json /images/1: test/0.png is listed by /images/0 already"
    refused(capsys, cases, folder, said, ("check", "search"), more=("--skip-bad",))


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_test_photo_that_is_labelled_too_is_told_but_keeps_its_row(
    folder: Path, capsys: Capture, cases: Cases, split: str
) -> None:
    shutil.copyfile(folder / split / "0.png", folder / "test/0.png")
    said = accepted(capsys, cases, folder)
    assert f"warning: {folder}/test.json test/0.png: the same picture as {split}/0.png in {split}." in said
    assert "1 pair(s) of copies or near-duplicates in two splits" in said


def test_a_copy_of_other_size_and_quality_is_told(tmp_path: Path, capsys: Capture, cases: Cases) -> None:
    write_sample_data(tmp_path / "data", num_images=12, image_size=64)
    train, val = (read(tmp_path / "data", split)["images"][0] for split in ("train", "val"))
    photo = cv2.imread(str(tmp_path / "data" / train["file_name"]))
    cv2.imwrite(str(tmp_path / "data" / val["file_name"]), photo[2:, 3:], [cv2.IMWRITE_JPEG_QUALITY, 60])
    size = {"height": photo.shape[0] - 2, "width": photo.shape[1] - 3}
    change(tmp_path / "data", lambda document: document["images"][0].update(size), "val")
    change(tmp_path / "data", lambda document: document["annotations"].clear(), "val")
    said = accepted(capsys, cases, tmp_path / "data")
    assert f"val.json {val['file_name']}: looks like {train['file_name']} in train (likeness 0.9" in said


def test_files_that_only_begin_alike_or_are_as_long_are_no_leak(folder: Path, capsys: Capture, cases: Cases) -> None:
    photo = (folder / "val/0.png").read_bytes()
    (folder / "val/0.png").write_bytes(photo + b"\0" * 100_000 + b"a")
    (folder / "train/1.png").write_bytes(photo + b"\0" * 100_000 + b"b")
    assert "looks like train/1.png in train" in accepted(capsys, cases, folder)  # a warning, as of any near-duplicate


def test_empty_files_in_both_splits_are_damaged_but_no_leak(folder: Path, capsys: Capture, cases: Cases) -> None:
    for name in ("train/1.png", "val/0.png"):
        (folder / name).write_bytes(b"")
    refused(capsys, cases, folder, "cannot be decoded (", ("check", "train"))


def test_copies_of_a_plain_picture_are_never_dealt_to_two_folds(tmp_path: Path) -> None:
    plain, noise = np.full((64, 64), 9, np.uint8), np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    assert group_scenes([plain, noise, plain.copy()]) == [0, 1, 0]


def test_a_bad_val_file_is_said_once_and_by_its_own_name(tmp_path: Path, capsys: Capture, cases: Cases) -> None:
    folder = good_folder(tmp_path / "data")
    (folder / "val.json").write_text("[")
    refused(capsys, cases, folder, "val.json: not valid JSON", ALL)
