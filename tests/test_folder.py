"""A data folder is looked at before any photo is opened: names, kinds, links, leaks, class tables."""

import json
import os
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.settings import SearchSettings
from tests.tiny import annotation, coco, write_photo
from trashseg_core.config import TrialConfig
from trashseg_core.data.check import check_folder
from trashseg_core.data.dataset import open_data
from trashseg_core.data.folder import DataFolder, check_same_classes
from trashseg_core.data.leaks import check_leak
from trashseg_core.errors import BadInput

pytestmark = pytest.mark.reliability("file-names")


def make(folder: Path, file_name: str = "a.png", split: str = "train", **replaced: Any) -> DataFolder:
    """Write one annotation file that lists one photo; the photo itself is not written."""
    photo = {"id": 0, "file_name": file_name, "height": 30, "width": 40}
    (folder / f"{split}.json").write_text(json.dumps(coco(images=[photo], **replaced)), encoding="utf-8")
    return DataFolder(str(folder))


def test_a_folder_with_its_photo_is_read(tmp_path: Path) -> None:
    write_photo(tmp_path / "batch" / "a.png")
    assert [photo.file_name for photo in make(tmp_path, "batch/a.png").read("train").photos] == ["batch/a.png"]


@pytest.mark.parametrize(
    "name",
    [
        "../a.png",
        "batch/../../a.png",
        "/etc/passwd",
        "\\\\server\\a.png",
        "C:\\a.png",
        "c:/a.png",
        "http://x/a.png",
        "file:///etc/passwd",
        "s3://bucket/a.png",
        "a\0.png",
        "\ud800.png",
    ],
)
def test_a_name_that_is_no_path_inside_the_folder_is_refused_even_with_skip_bad(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    with pytest.raises(
        BadInput, match="leads outside .*Use paths relative|is no valid Unicode text|holds a control character"
    ):
        DataFolder(str(tmp_path), skip_bad=True).read("train")


def test_a_link_out_of_the_folder_is_refused_with_the_flag_that_allows_it(tmp_path: Path) -> None:
    write_photo(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    with pytest.raises(BadInput, match="the link leads out of the data folder. Add `--follow-links`"):
        make(tmp_path / "data").read("train")


def test_a_linked_subfolder_is_a_link_out_too(tmp_path: Path) -> None:
    write_photo(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "batch").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="the link leads out of the data folder"):
        make(tmp_path / "data", "batch/a.png").read("train")


def test_follow_links_accepts_a_link_out_of_the_folder(tmp_path: Path) -> None:
    write_photo(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    make(tmp_path / "data")
    assert len(DataFolder(str(tmp_path / "data"), follow_links=True).read("train").photos) == 1


def test_a_link_inside_the_folder_is_accepted(tmp_path: Path) -> None:
    write_photo(tmp_path / "b.png")
    (tmp_path / "a.png").symlink_to(tmp_path / "b.png")
    assert len(make(tmp_path).read("train").photos) == 1


def test_a_data_folder_that_is_itself_a_link_is_accepted(tmp_path: Path) -> None:
    write_photo(tmp_path / "real" / "a.png")
    make(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert len(DataFolder(str(tmp_path / "link")).read("train").photos) == 1


def test_a_fifo_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(BadInput, match="a.png: not a regular file"):
        make(tmp_path).read("train")


def test_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("/dev/zero")
    with pytest.raises(BadInput, match="a.png: not a regular file"):
        make(tmp_path).read("train")


def test_a_missing_photo_is_refused_with_the_flag_that_skips_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="train.json a.png: no such photo. Mend it or add `--skip-bad`"):
        make(tmp_path).read("train")


@pytest.mark.parametrize("on_disk", ["A.png", "a.PNG"])
def test_a_name_that_differs_in_case_only_names_the_near_one(tmp_path: Path, on_disk: str) -> None:
    write_photo(tmp_path / on_disk)
    with pytest.raises(BadInput, match=f"no such photo, but '{on_disk}' is there. Correct file_name"):
        make(tmp_path).read("train")


def test_a_name_in_another_unicode_form_names_the_near_one(tmp_path: Path) -> None:
    write_photo(tmp_path / unicodedata.normalize("NFD", "müll.png"))
    with pytest.raises(BadInput, match="no such photo, but .* is there. Correct file_name"):
        make(tmp_path, unicodedata.normalize("NFC", "müll.png")).read("train")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere: no such data folder"):
        DataFolder(str(tmp_path / "nowhere")).read("train")


def test_the_number_of_further_findings_is_told(tmp_path: Path) -> None:
    folder = make(tmp_path, annotations=[annotation(image_id=7), annotation(segmentation=[])])
    with pytest.raises(BadInput, match=r"image_id 7 is not in /images.*and 2 more; `check` lists them"):
        folder.read("train")


def test_inspect_collects_what_read_refuses(tmp_path: Path) -> None:
    split = make(tmp_path, annotations=[annotation(image_id=7)]).inspect("train")
    assert [finding.message for finding in split.findings] == ["image_id 7 is not in /images.", "no such photo."]


def two_photos(folder: Path, split: str) -> DataFolder:
    """A split with one photo on disk and one missing; skip_bad is on."""
    write_photo(folder / "a.png")
    images = [{"id": i, "file_name": name, "height": 30, "width": 40} for i, name in enumerate(("a.png", "b.png"))]
    (folder / f"{split}.json").write_text(json.dumps(coco(images=images)), encoding="utf-8")
    return DataFolder(str(folder), skip_bad=True)


def test_skip_bad_drops_a_missing_photo(tmp_path: Path) -> None:
    assert [photo.file_name for photo in two_photos(tmp_path, "val").read("val").photos] == ["a.png"]


def test_skip_bad_never_drops_a_test_photo(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="test.json b.png: no such photo.$"):
        two_photos(tmp_path, "test").read("test")


def test_a_split_with_nothing_left_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(BadInput, match="train.json: no usable photo is left"):
        DataFolder(str(tmp_path), skip_bad=True).read("train")


def leaky(folder: Path, val_name: str) -> DataFolder:
    write_photo(folder / "a.png")
    write_photo(folder / "b.png", seed=1)
    make(folder, "a.png", "train")
    return make(folder, val_name, "val")


@pytest.mark.reliability("leaks")
@pytest.mark.parametrize("val_name", ["a.png", "./a.png"])
def test_a_validation_photo_in_the_training_list_is_refused(tmp_path: Path, val_name: str) -> None:
    folder = leaky(tmp_path, val_name)
    with pytest.raises(BadInput, match="train.json: 1 of its photos are also in val.json .first: "):
        check_leak(folder.read("train"), folder.read("val"))


@pytest.mark.reliability("leaks")
def test_open_data_refuses_a_leak(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Scores on val.json would mean nothing"):
        open_data(leaky(tmp_path, "a.png"), TrialConfig(image_size=32))


@pytest.mark.reliability("annotation-files")
def test_open_data_refuses_class_tables_that_differ(tmp_path: Path) -> None:
    folder = leaky(tmp_path, "b.png")
    make(tmp_path, "b.png", "val", categories=[{"id": 1, "name": "paper"}, {"id": 2, "name": "glass"}])
    with pytest.raises(BadInput, match="val.json: its categories differ from those of train.json .first: 2 'glass'"):
        open_data(folder, TrialConfig(image_size=32))


@pytest.mark.reliability("annotation-files")
def test_equal_class_tables_in_another_order_are_the_same(tmp_path: Path) -> None:
    folder = leaky(tmp_path, "b.png")
    make(tmp_path, "b.png", "val", categories=list(reversed(coco()["categories"])))
    check_same_classes([folder.read("train"), folder.read("val")])


def test_the_caps_of_a_search_are_those_of_its_data_folder() -> None:
    folder = SearchSettings("d", "quick", "n", max_json_mb=7, max_megapixels=0.5).data_folder
    assert (folder.max_json_mb, folder.max_megapixels) == (7, 0.5)


@pytest.mark.reliability("annotation-files")
def test_an_annotation_file_above_the_folder_s_cap_is_refused(tmp_path: Path) -> None:
    folder = replace(make(tmp_path), max_json_mb=0)
    with pytest.raises(BadInput, match="is above the cap of 0 MB. Raise `--max-json-mb`"):
        folder.read("train")


@pytest.mark.reliability("photos")
def test_the_check_finds_photos_above_the_folder_s_cap(tmp_path: Path) -> None:
    folder = leaky(tmp_path, "b.png")
    assert check_folder(folder).findings == []
    found = [str(finding) for finding in check_folder(replace(folder, max_megapixels=0.001)).findings]
    assert ["--max-megapixels" in one for one in found] == [True, True]
