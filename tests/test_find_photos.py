"""The photos that `predict` is to answer are found, and none is left out without a word."""

from pathlib import Path

import pytest

from tests.test_predict_files import photos
from tests.tiny import write_photo
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput
from trashseg_core.inference.predict_files import find_photos

__all__ = ["photos"]


def test_a_linked_folder_is_looked_into_or_refused(photos: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "elsewhere" / "far.png", 10, 10)
    (photos / "linked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="linked: a link to a folder. Add `--follow-links`"):
        find_photos(photos, tmp_path / "out")
    followed = find_photos(photos, tmp_path / "out", DataFolder("", follow_links=True))
    assert Path("linked/far") in [name for _, name in followed]
    (photos / "ring").symlink_to(photos)
    with pytest.raises(BadInput, match="ring: a link to a folder that it lies in"):
        find_photos(photos, tmp_path / "out", DataFolder("", follow_links=True))


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere: no such folder, photo or COCO file"):
        find_photos(tmp_path / "nowhere", tmp_path / "out")


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no photo with the suffix .jpg"):
        find_photos(tmp_path, tmp_path / "out")


def test_two_photos_that_differ_in_their_suffix_only_are_refused(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    write_photo(tmp_path / "a.bmp")
    with pytest.raises(BadInput, match="two photos are called a but for their suffix. Rename one"):
        find_photos(tmp_path, tmp_path / "out")


def test_label_maps_among_photos_of_other_suffixes_are_refused_at_once(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg")
    with pytest.raises(BadInput, match="would write over the photos. Give another folder"):
        find_photos(tmp_path, tmp_path)
