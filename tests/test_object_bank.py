"""The object bank holds what the training photos show, cut out without what lies behind, and nothing of val."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import write_folder
from trashseg_core.augment import object_bank
from trashseg_core.augment.object_bank import MAX_SHARE, MIN_AREA_PX, ObjectBank, cut_objects, open_bank
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput

SIZE = 64
FULL = (SIZE, SIZE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """Photos as large as the training size, so that a crop's pixels are the photo's own."""
    sizes = {"train": [(64, 64)] * 3, "val": [(64, 64)] * 2}
    return DataFolder(str(write_folder(tmp_path_factory.mktemp("bank"), sizes)))


def box_of(labels: np.ndarray, border: int = 0) -> tuple[slice, slice]:
    """The rows and columns of all objects, and some more."""
    rows, columns = np.nonzero(labels)
    return np.s_[rows.min() - border : rows.max() + 1 + border, columns.min() - border : columns.max() + 1 + border]


def blank() -> np.ndarray:
    return np.zeros((*FULL, 3), np.uint8)


def test_the_bank_holds_the_raw_pixels_of_the_training_photos(folder: DataFolder) -> None:
    train, bank = open_split(folder, "train", SIZE), open_bank(folder, SIZE)
    assert bank.labels.tolist() == [1, 2, 1]
    for index in range(3):
        window, crop = box_of(train.labels[index], border=1), bank.crop(index)
        opaque = crop[..., 3] == 255
        assert opaque.sum() >= 36 and np.array_equal(crop[opaque][:, :3], train.images[index][window][opaque])
        assert ((crop[..., 3] > 127) == (train.labels[index][window] > 0)).all()


def test_no_object_of_a_validation_photo_is_in_the_bank(folder: DataFolder) -> None:
    val, bank = open_split(folder, "val", SIZE), open_bank(folder, SIZE)
    crops = [bank.crop(index)[2:-2, 2:-2, :3].tobytes() for index in range(len(bank))]
    for index in range(len(val)):
        crop = val.images[index][box_of(val.labels[index], border=-1)]
        assert crop.tobytes() not in crops
    train = open_split(folder, "train", SIZE)
    assert train.images[0][box_of(train.labels[0], border=-1)].tobytes() in crops


@pytest.mark.parametrize("native", [64, 96, 200])
def test_colours_are_the_object_s_own_up_to_its_very_edge(native: int) -> None:
    """A red disc on green, at several scales: no green comes along, not even where alpha is small."""
    rows, columns = np.ogrid[:native, :native]
    mask = (rows - native / 2) ** 2 + (columns - native / 2) ** 2 < (native / 5) ** 2
    rgb = np.where(mask[..., None], (200, 0, 0), (0, 200, 0)).astype(np.uint8)
    [(crop, _)] = cut_objects(rgb, [(0, mask, 1)], SIZE)
    assert crop[..., 1:3].max() == 0
    red, alpha = crop[..., 0].astype(float), crop[..., 3].astype(float)
    assert np.abs(red - 200 * alpha / 255).max() <= 1.5


def test_the_edge_is_soft_for_about_a_pixel_and_the_border_of_a_crop_is_empty() -> None:
    mask = np.zeros(FULL, bool)
    mask[20:40, 10:40] = True
    [(crop, _)] = cut_objects(np.full((*FULL, 3), 200, np.uint8), [(0, mask, 1)], SIZE)
    assert crop.shape == (22, 32, 4)
    assert crop[10, :4, 3].tolist() == [64, 191, 255, 255]
    assert (crop[..., 3] > 127).sum() == 600


def test_a_mask_between_pixels_gives_a_share_of_alpha() -> None:
    """A stripe of 5 px in a photo twice the training size ends in the middle of a pixel."""
    mask = np.zeros((128, 128), bool)
    mask[40:80, 40:65] = True
    [(crop, _)] = cut_objects(np.full((128, 128, 3), 200, np.uint8), [(0, mask, 1)], SIZE)
    assert crop.shape[:2] == (22, 15)
    assert crop[10, 12:, 3].tolist() == [255 * 7 // 8, 255 // 2 + 1, 32]


def test_only_the_visible_part_of_an_object_is_cut_out() -> None:
    large, small = np.zeros(FULL, bool), np.zeros(FULL, bool)
    large[10:40, 10:40], small[20:30, 10:40] = True, True
    crops = cut_objects(blank(), [(1, small, 2), (0, large, 1)], SIZE)
    assert [(label, int((crop[..., 3] > 127).sum())) for crop, label in crops] == [(2, 300), (1, 600)]


def test_large_objects_are_kept_at_half_of_the_training_side_whole() -> None:
    mask = np.zeros((200, 300), bool)
    mask[10:190, 30:270] = True
    [(crop, _)] = cut_objects(np.full((200, 300, 3), 90, np.uint8), [(0, mask, 1)], SIZE)
    height, width = np.array(crop.shape[:2]) - 2
    assert MAX_SHARE * SIZE <= width <= MAX_SHARE * SIZE + 1
    assert height / width == pytest.approx(180 / 240, abs=0.05)


@pytest.mark.parametrize("label", [0, 255])
def test_background_and_crowds_are_no_objects(label: int) -> None:
    assert cut_objects(blank(), [(0, np.ones(FULL, bool), label)], SIZE) == []


def test_objects_too_small_to_show_anything_are_left_out() -> None:
    mask = np.zeros(FULL, bool)
    mask[0, : MIN_AREA_PX - 1] = True
    assert cut_objects(blank(), [(0, mask, 1)], SIZE) == []
    mask[0, :MIN_AREA_PX] = True
    assert len(cut_objects(blank(), [(0, mask, 1)], SIZE)) == 1


def test_an_object_that_others_cover_completely_is_left_out() -> None:
    mask = np.ones(FULL, bool)
    assert [label for _, label in cut_objects(blank(), [(1, mask, 2), (0, mask, 1)], SIZE)] == [2]


def test_a_folder_without_any_usable_object_is_refused_with_the_setting_that_helps(tmp_path: Path) -> None:
    folder = DataFolder(str(write_folder(tmp_path, {"train": [(640, 640)]})))
    with pytest.raises(BadInput, match="no object of at least 12 px at 64 px. Set `augmix_ratio=0`"):
        open_bank(folder, SIZE)


def test_a_bank_that_another_search_removes_before_it_is_opened_is_cut_again(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, removed = object_bank._load, []

    def remove_first(path: Path) -> ObjectBank:
        if not removed:
            removed.append(path)
            shutil.rmtree(path)
        return load(path)

    monkeypatch.setattr(object_bank, "_load", remove_first)
    assert len(open_bank(folder, SIZE)) == 3 and removed


def test_the_bank_of_photos_above_the_folder_s_cap_is_refused(folder: DataFolder) -> None:
    with pytest.raises(BadInput, match="64 x 64 px is above the cap of 0.004 megapixels"):
        open_bank(replace(folder, max_megapixels=0.004), 2 * SIZE)
