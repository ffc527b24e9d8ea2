"""augmix pastes objects into samples: where, which, how large, how coloured, and touches nothing else."""

import numpy as np
import pytest

from tests.tiny import tiny_config
from trashseg_core.augment.augmix import Augmix
from trashseg_core.augment.object_bank import MAX_SHARE, MIN_AREA_PX, ObjectBank
from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput

SIZE = 64
FULL = (SIZE, SIZE)
NAMES = ["Background", "Paper", "Paper pack", "Metal", "Glass", "Battery"]


def config(**fields: object) -> TrialConfig:
    return tiny_config(**{"augmix_ratio": 1.0, "augment": "none", **fields})


def bank_of(labels: list[int], side: int = 12, colour: int = 150) -> ObjectBank:
    """Opaque grey squares with the given labels."""
    pixels = np.tile(np.array([colour, colour, colour, 255], np.uint8), (len(labels) * side * side, 1))
    shapes = np.full((len(labels), 2), side)
    return ObjectBank(pixels, np.arange(len(labels)) * side * side, shapes, np.array(labels))


def augmix(bank: ObjectBank, **fields: object) -> Augmix:
    return Augmix(config(**fields), bank, NAMES)


def ground(label: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return np.full((*FULL, 3), 20, np.uint8), np.full(FULL, label, np.uint8)


def pasted(mix: Augmix, count: int, extent: tuple[int, int] = FULL) -> list[tuple[np.ndarray, np.ndarray]]:
    return [mix(*ground(), extent, np.random.default_rng(seed)) for seed in range(count)]


def test_the_share_of_changed_samples_is_the_ratio() -> None:
    changed = [labels.any() for _, labels in pasted(augmix(bank_of([1]), augmix_ratio=0.3), 400)]
    assert 0.23 < np.mean(changed) < 0.37


def test_ratio_1_changes_every_sample_and_ratio_0_none() -> None:
    assert all(labels.any() for _, labels in pasted(augmix(bank_of([1])), 100))
    image, labels = ground()
    mixed = augmix(bank_of([1]), augmix_ratio=0.0)(image, labels, FULL, np.random.default_rng(0))
    assert mixed[0] is image and mixed[1] is labels


def test_the_sample_itself_is_never_written_to() -> None:
    image, labels = ground()
    for array in (image, labels):
        array.flags.writeable = False
    mixed, moved = augmix(bank_of([1]))(image, labels, FULL, np.random.default_rng(0))
    assert moved.any() and not labels.any() and (image == 20).all() and mixed is not image


def test_shapes_and_types_stay() -> None:
    for image, labels in pasted(augmix(bank_of([1, 2])), 10):
        assert (image.shape, image.dtype, labels.shape, labels.dtype) == ((64, 64, 3), np.uint8, (64, 64), np.uint8)


def test_the_label_lies_where_the_object_s_pixels_are() -> None:
    for image, labels in pasted(augmix(bank_of([4]), augmix_max_objects=1), 20):
        assert set(np.unique(labels)) == {0, 4}
        middle = (20 + np.median(image[labels == 4])) / 2
        assert ((image.mean(axis=2) > middle) == (labels == 4)).mean() > 0.995


def test_edges_are_blends_of_object_and_ground_and_all_else_is_either() -> None:
    mix = augmix(bank_of([4], side=20), augmix_max_objects=1)
    image, labels = mix(*ground(), FULL, np.random.default_rng(3))
    inside = np.median(image[labels == 4], axis=0)
    share = ((image - 20.0) / (inside - 20)).mean(axis=2)
    assert (share > -0.01).all() and (share < 1.02).all()
    assert 10 < ((share > 0.05) & (share < 0.95)).sum() < 160
    assert (share[labels == 4] > 0.45).all() and (share[labels == 0] < 0.55).all()


def test_pixels_where_alpha_is_0_stay() -> None:
    bank = bank_of([4])
    bank.pixels[: len(bank.pixels) // 2] = 0
    for image, labels in pasted(augmix(bank, augmix_max_objects=1), 10):
        assert (labels == 4).sum() < 0.7 * 1.4**2 * 144 and ((image == 20).all(axis=2) | (image > 20).all(axis=2)).all()


@pytest.mark.parametrize("extent", [(40, 64), (64, 24), (9, 64)])
def test_objects_stay_inside_the_photo_and_out_of_the_padding(extent: tuple[int, int]) -> None:
    image, labels = ground()
    labels[extent[0] :], labels[:, extent[1] :] = 255, 255
    mix, count = augmix(bank_of([1], side=20)), 0
    for seed in range(40):
        mixed, moved = mix(image, labels, extent, np.random.default_rng(seed))
        assert ((moved == 255) == (labels == 255)).all() and (mixed[labels == 255] == 20).all()
        count += int((moved == 1).sum())
    assert count > 0


@pytest.mark.parametrize("extent", [(1, 64), (3, 3)])
def test_a_photo_of_a_few_pixels_takes_no_object(extent: tuple[int, int]) -> None:
    assert not any(labels.any() for _, labels in pasted(augmix(bank_of([1])), 10, extent))


def drawn(rarity: float) -> np.ndarray:
    """Share of pasted objects of classes 1 (30 objects in the bank), 2 (10) and 3 (1)."""
    mix = augmix(bank_of([1] * 30 + [2] * 10 + [3]), augmix_rarity=rarity, augmix_max_objects=1)
    return np.bincount([labels.max() for _, labels in pasted(mix, 300)], minlength=4)[1:] / 300


def test_rarity_0_draws_all_classes_alike() -> None:
    assert drawn(0) == pytest.approx([1 / 3] * 3, abs=0.09)


def test_rarity_1_draws_classes_inverse_to_their_number_of_objects() -> None:
    inverse = np.array([1 / 30, 1 / 10, 1])
    assert drawn(1) == pytest.approx(inverse / inverse.sum(), abs=0.06)


def test_only_listed_classes_are_pasted() -> None:
    mix = augmix(bank_of([1, 2, 3, 5]), augmix_classes="battery, Paper Pack", augmix_rarity=0.0)
    found = {int(label) for _, labels in pasted(mix, 60) for label in np.unique(labels)}
    assert found == {0, 2, 5}


def test_a_listed_class_without_objects_is_refused() -> None:
    with pytest.raises(BadInput, match="`augmix_classes` lists `glass`, but must list classes with objects: paper"):
        augmix(bank_of([1, 2]), augmix_classes="glass")


def test_every_object_of_a_class_is_drawn() -> None:
    bank = bank_of([1] * 5)
    bank.pixels[:, :3] = np.repeat([40, 80, 120, 160, 200], 144)[:, None]
    mix = augmix(bank, augmix_max_objects=1)
    medians = np.array([np.median(image[labels == 1]) for image, labels in pasted(mix, 150)])
    assert (np.histogram(medians, bins=[0, 55, 255])[0] > 10).all() and medians.max() > 190


def test_one_to_the_given_number_of_objects_is_pasted_each_as_likely(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    mix = augmix(bank_of([1, 2]), augmix_max_objects=3)
    monkeypatch.setattr(mix, "_paste", lambda image, labels, extent, draws: counts.append(len(draws)))
    pasted(mix, 600)
    assert np.bincount(counts, minlength=4) == pytest.approx([0, 200, 200, 200], abs=40)


def test_objects_come_in_all_sizes_from_0_6_to_1_4() -> None:
    sides = [np.sqrt((labels == 1).sum()) for _, labels in pasted(augmix(bank_of([1]), augmix_max_objects=1), 500)]
    assert 6.5 < min(sides) < 8.5 and 15.5 < max(sides) < 17.5
    assert np.mean(sides) == pytest.approx(12, abs=0.4)


def test_an_object_takes_at_most_half_of_the_photo_s_sides() -> None:
    for _, labels in pasted(augmix(bank_of([1], side=60), augmix_max_objects=1), 40, extent=(40, 64)):
        rows, columns = np.nonzero(labels)
        assert np.ptp(rows) + 1 <= np.ceil(MAX_SHARE * 40) and np.ptp(columns) + 1 <= MAX_SHARE * 64
        assert len(rows) > 100


def test_an_object_of_which_too_little_is_seen_is_left_out() -> None:
    assert not any(labels.any() for _, labels in pasted(augmix(bank_of([1], side=2)), 20))
    areas = {int((labels == 1).sum()) for _, labels in pasted(augmix(bank_of([1], side=4), augmix_max_objects=1), 60)}
    assert 0 in areas and min(areas - {0}) >= MIN_AREA_PX


def corners() -> ObjectBank:
    """A square whose corners are red, green and blue, clockwise from the top left; the fourth is black."""
    crop = np.zeros((16, 16, 4), np.uint8)
    crop[..., 3] = 255
    crop[:8, :8, 0], crop[:8, 8:, 1], crop[8:, 8:, 2] = 200, 200, 200
    return ObjectBank(crop.reshape(-1, 4), np.array([0]), np.array([[16, 16]]), np.array([1]))


def test_objects_are_turned_to_all_sides_and_mirrored_half_of_the_time() -> None:
    sides, mirrored = [], []
    for image, labels in pasted(augmix(corners(), augmix_max_objects=1), 200):
        strongest = np.where((labels == 1) & (image.max(axis=2) > 100), image.argmax(axis=2), 9)
        red, green, blue = (np.argwhere(strongest == channel).mean(axis=0) for channel in range(3))
        (down, right), (down_after, right_after) = green - red, blue - green
        sides.append(int(np.arctan2(down, right) // (np.pi / 2)) % 4)
        mirrored.append(right * down_after - down * right_after < 0)
    for mirror in (False, True):
        assert min(np.bincount(np.array(sides)[np.array(mirrored) == mirror], minlength=4)) > 10
    assert 0.4 < np.mean(mirrored) < 0.6


def test_objects_get_a_light_and_a_tint_of_their_own() -> None:
    mix = augmix(bank_of([1], colour=100), augmix_max_objects=1)
    colours = np.array([np.median(image[labels == 1], axis=0) for image, labels in pasted(mix, 150)])
    assert colours.min() >= 69 and colours.max() <= 134
    assert colours.mean(axis=1).min() < 82 and colours.mean(axis=1).max() > 118
    assert 5 < np.ptp(colours, axis=1).max() < 20


def test_free_places_are_preferred_to_covering_objects() -> None:
    image, labels = ground()
    labels[:, :32] = 5
    mix = augmix(bank_of([1], side=8), augmix_max_objects=1)
    mixed = [mix(image, labels, FULL, np.random.default_rng(seed))[1] for seed in range(40)]
    assert np.mean([bool(((one == 1) & (labels == 5)).any()) for one in mixed]) < 0.2


def test_of_places_that_all_cover_objects_the_one_that_covers_least_is_taken() -> None:
    """Stripes of objects with a growing share of the columns: the object goes where there are fewest."""
    image, labels = ground()
    labels[:, ::4], labels[:, 17::4], labels[:, 34::4] = 5, 5, 5
    mix = augmix(bank_of([1], side=12), augmix_max_objects=1)
    moved = [mix(image, labels, FULL, np.random.default_rng(seed))[1] == 1 for seed in range(100)]
    assert np.mean([np.nonzero(one)[1].mean() for one in moved]) < 20


def test_crumbs_that_an_object_leaves_are_ignored() -> None:
    """At 64 px a part of less than 4 px is a crumb: of blocks of 4 px, those that an object's edge cuts."""
    image, labels = ground()
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        labels[row::4, column::4] = 5
    mix, ignored = augmix(bank_of([1], side=20), augmix_max_objects=1), 0
    for seed in range(20):
        moved = mix(image, labels, FULL, np.random.default_rng(seed))[1]
        assert (labels[moved == 255] == 5).all()
        ignored += (moved == 255).sum()
        assert (np.add.reduceat(np.add.reduceat(moved == 5, range(0, 64, 4), 0), range(0, 64, 4), 1) % 4 == 0).all()
    assert ignored > 100


def test_objects_are_spread_over_the_whole_photo() -> None:
    heat = sum((labels == 1).astype(int) for _, labels in pasted(augmix(bank_of([1], side=8)), 300))
    assert (heat.reshape(4, 16, 4, 16).sum(axis=(1, 3)) > 100).all() and (heat[[0, -1]].sum(axis=1) > 0).all()
