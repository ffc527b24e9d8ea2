"""augmix pastes objects cut from raw training photos, rare classes first, and touches nothing else."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import tiny_config, write_folder
from trashseg_core.augment import object_bank
from trashseg_core.augment.augmix import Augmix
from trashseg_core.augment.object_bank import MIN_AREA_PX, ObjectBank, cut_objects, open_bank
from trashseg_core.config import TrialConfig
from trashseg_core.data.cache import open_split
from trashseg_core.data.dataset import open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput
from trashseg_core.loader import TrainLoader

SIZE = 64
FULL = (SIZE, SIZE)


def config(**fields: float) -> TrialConfig:
    return tiny_config(**{"augmix_ratio": 1.0, "augment": "none", **fields})


def bank_of(labels: list[int], side: int = 12, colour: int = 250) -> ObjectBank:
    """Opaque bright squares with the given labels."""
    pixels = np.tile(np.array([colour, colour, colour, 255], np.uint8), (len(labels) * side * side, 1))
    shapes = np.full((len(labels), 2), side)
    return ObjectBank(pixels, np.arange(len(labels)) * side * side, shapes, np.array(labels))


def ground(label: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return np.full((*FULL, 3), 20, np.uint8), np.full(FULL, label, np.uint8)


def test_the_share_of_changed_samples_is_the_ratio() -> None:
    mix, (image, labels) = Augmix(config(augmix_ratio=0.3), bank_of([1])), ground()
    changed = [mix(image, labels, FULL, np.random.default_rng(seed))[1].any() for seed in range(400)]
    assert 0.23 < np.mean(changed) < 0.37


def test_the_sample_itself_is_never_written_to() -> None:
    image, labels = ground()
    for array in (image, labels):
        array.flags.writeable = False
    mixed, moved = Augmix(config(), bank_of([1]))(image, labels, FULL, np.random.default_rng(0))
    assert moved.any() and not labels.any() and (image == 20).all() and mixed is not image


def test_the_label_lies_where_the_object_s_pixels_are() -> None:
    mix, (image, labels) = Augmix(config(augmix_max_objects=1), bank_of([4])), ground()
    for seed in range(20):
        mixed, moved = mix(image, labels, FULL, np.random.default_rng(seed))
        bright = mixed.mean(axis=2) > 110
        assert set(np.unique(moved)) == {0, 4}
        assert (bright == (moved == 4)).mean() > 0.99


def test_pixels_where_alpha_is_0_stay() -> None:
    bank = bank_of([4])
    bank.pixels[:, 3] = 0
    mixed, moved = Augmix(config(), bank)(*ground(), FULL, np.random.default_rng(0))
    assert (mixed == 20).all() and not moved.any()


@pytest.mark.parametrize("extent", [(40, 64), (64, 24), (3, 64)])
def test_objects_stay_inside_the_photo_and_out_of_the_padding(extent: tuple[int, int]) -> None:
    image, labels = ground()
    labels[extent[0] :], labels[:, extent[1] :] = 255, 255
    mix, pasted = Augmix(config(), bank_of([1], side=20)), 0
    for seed in range(40):
        mixed, moved = mix(image, labels, extent, np.random.default_rng(seed))
        assert ((moved == 255) == (labels == 255)).all() and (mixed[labels == 255] == 20).all()
        pasted += int((moved == 1).sum())
    assert pasted > 0


def drawn(rarity: float) -> np.ndarray:
    """Share of pasted objects of classes 1 (30 objects in the bank), 2 (10) and 3 (1)."""
    bank = bank_of([1] * 30 + [2] * 10 + [3])
    mix, (image, labels) = Augmix(config(augmix_rarity=rarity, augmix_max_objects=1), bank), ground()
    classes = [mix(image, labels, FULL, np.random.default_rng(seed))[1].max() for seed in range(300)]
    return np.bincount(classes, minlength=4)[1:] / 300


def test_rarity_0_draws_all_classes_alike() -> None:
    assert drawn(0) == pytest.approx([1 / 3] * 3, abs=0.09)


def test_rarity_1_draws_classes_inverse_to_their_number_of_objects() -> None:
    inverse = np.array([1 / 30, 1 / 10, 1])
    assert drawn(1) == pytest.approx(inverse / inverse.sum(), abs=0.06)


def test_at_most_the_given_number_of_objects_is_pasted() -> None:
    mix = Augmix(config(augmix_max_objects=2), bank_of([1, 2, 3, 4, 5]))
    numbers = {len(np.unique(mix(*ground(), FULL, np.random.default_rng(seed))[1])) - 1 for seed in range(60)}
    assert numbers == {1, 2}


def test_free_places_are_preferred_to_covering_objects() -> None:
    image, labels = ground()
    labels[:, :32] = 9
    mix = Augmix(config(augmix_max_objects=1), bank_of([1], side=8))
    mixed = [mix(image, labels, FULL, np.random.default_rng(seed))[1] for seed in range(40)]
    assert np.mean([bool(((one == 1) & (labels == 9)).any()) for one in mixed]) < 0.2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """Photos as large as the training size, so that a crop's pixels are the photo's own."""
    sizes = {"train": [(64, 64)] * 3, "val": [(64, 64)] * 2}
    return DataFolder(str(write_folder(tmp_path_factory.mktemp("bank"), sizes)))


def test_the_bank_holds_the_raw_pixels_of_the_training_photos(folder: DataFolder) -> None:
    train, bank = open_split(folder, "train", SIZE), open_bank(folder, SIZE)
    assert bank.labels.tolist() == [1, 2, 1]
    for index in range(3):
        rows, columns = np.nonzero(train.labels[index])
        window = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert np.array_equal(bank.crop(index)[..., :3], train.images[index][window])
        assert ((bank.crop(index)[..., 3] == 255) == (train.labels[index][window] > 0)).all()


def test_no_object_of_a_validation_photo_is_in_the_bank(folder: DataFolder) -> None:
    val, bank = open_split(folder, "val", SIZE), open_bank(folder, SIZE)
    crops = [bank.crop(index)[..., :3].tobytes() for index in range(len(bank))]
    for index in range(len(val)):
        rows, columns = np.nonzero(val.labels[index])
        crop = val.images[index][rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert crop.tobytes() not in crops


def test_only_the_visible_part_of_an_object_is_cut_out() -> None:
    large, small = np.zeros(FULL, bool), np.zeros(FULL, bool)
    large[10:40, 10:40], small[20:30, 10:40] = True, True
    crops = cut_objects(np.zeros((*FULL, 3), np.uint8), [(0, large, 1), (1, small, 2)], SIZE)
    assert [(label, int((crop[..., 3] > 0).sum())) for crop, label in crops] == [(2, 300), (1, 600)]


@pytest.mark.parametrize("label", [0, 255])
def test_background_and_crowds_are_no_objects(label: int) -> None:
    mask = np.ones(FULL, bool)
    assert cut_objects(np.zeros((*FULL, 3), np.uint8), [(0, mask, label)], SIZE) == []


def test_objects_too_small_to_show_anything_are_left_out() -> None:
    mask = np.zeros(FULL, bool)
    mask[0, : MIN_AREA_PX - 1] = True
    assert cut_objects(np.zeros((*FULL, 3), np.uint8), [(0, mask, 1)], SIZE) == []


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


def test_validation_data_is_the_same_with_and_without_augmix(folder: DataFolder) -> None:
    plain, mixed = open_data(folder, config(augmix_ratio=0)), open_data(folder, config())
    assert (plain.bank is None, mixed.bank is None) == (True, False)
    before = mixed.val.images.tobytes(), mixed.val.labels.tobytes(), mixed.val.native.tobytes()
    for _ in TrainLoader(config(), mixed).epoch(1):
        pass
    assert before == (plain.val.images.tobytes(), plain.val.labels.tobytes(), plain.val.native.tobytes())
    assert before == (mixed.val.images.tobytes(), mixed.val.labels.tobytes(), mixed.val.native.tobytes())
