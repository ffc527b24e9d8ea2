"""Photos are dealt to splits or folds by class, in whole groups, the same way every time."""

import numpy as np
import pytest

from trashseg_core.data.folds import connected, stratified_split
from trashseg_core.errors import BadInput

RATIOS = (0.7, 0.15, 0.15)


def long_tailed(num_photos: int = 1500, seed: int = 0) -> np.ndarray:
    """Which of 8 classes, of 2 to 700 photos, each photo shows; the rarest are shown together."""
    rng = np.random.default_rng(seed)
    shares = np.array([0.47, 0.32, 0.2, 0.1, 0.06, 0.02, 0.006, 0.0015])
    present = rng.random((num_photos, len(shares))) < shares
    present[:7, 6] = True
    present[:2, 7] = True
    return present


def counted(present: np.ndarray, parts: np.ndarray, num_parts: int) -> np.ndarray:
    """Photos of each class in each part, with all its photos as the last column."""
    columns = np.column_stack([present, np.ones(len(present), int)])
    return np.array([columns[parts == part].sum(axis=0) for part in range(num_parts)])


def test_every_class_is_split_in_the_ratios_to_within_a_photo_or_two() -> None:
    present = long_tailed()
    counts = counted(present, stratified_split(present, range(len(present)), RATIOS), 3)
    wanted = np.outer(RATIOS, counts.sum(axis=0))
    assert np.abs(counts - wanted).max() <= 1.5


def test_groups_are_split_in_the_ratios_too() -> None:
    present = long_tailed()
    groups = np.sort(np.random.default_rng(1).integers(0, 300, len(present)))
    counts = counted(present, stratified_split(present, groups.tolist(), RATIOS), 3)
    wanted = np.outer(RATIOS, counts.sum(axis=0))
    assert (np.abs(counts - wanted) <= np.maximum(2, 0.06 * wanted)).all()


def test_chance_alone_would_not_pass_the_test_above() -> None:
    present = long_tailed()
    parts = np.random.default_rng(0).choice(3, len(present), p=RATIOS)
    counts = counted(present, parts, 3)
    wanted = np.outer(RATIOS, counts.sum(axis=0))
    assert not (np.abs(counts - wanted) <= np.maximum(2, 0.06 * wanted)).all()


def test_no_group_is_in_two_parts() -> None:
    present = long_tailed()
    groups = np.random.default_rng(2).integers(0, 200, len(present)).tolist()
    parts = stratified_split(present, groups, RATIOS)
    homes = {(group, part) for group, part in zip(groups, parts.tolist(), strict=True)}
    assert len(homes) == len(set(groups))


def test_every_photo_gets_one_part_and_none_is_empty() -> None:
    present = long_tailed(60)
    parts = stratified_split(present, range(60), (0.9, 0.05, 0.05))
    assert parts.shape == (60,)
    assert set(parts.tolist()) == {0, 1, 2}


def test_the_ratios_make_folds_as_well() -> None:
    present = long_tailed(500)
    counts = counted(present, stratified_split(present, range(500), (1,) * 5), 5)
    assert (counts.max(axis=0) - counts.min(axis=0) <= 2).all()


def test_folds_of_whole_groups_have_their_part_of_every_class() -> None:
    present = long_tailed(1000)
    groups = np.sort(np.random.default_rng(1).integers(0, 400, 1000)).tolist()
    folds = stratified_split(present, groups, (1,) * 5)
    assert all(len({folds[row] for row in range(1000) if groups[row] == group}) <= 1 for group in range(400))
    counts = counted(present, folds, 5)
    assert (np.abs(counts - counts.mean(axis=0)) <= np.maximum(2, 0.1 * counts.mean(axis=0))).all()


def test_a_class_of_one_photo_is_in_one_fold_and_the_others_are_dealt_as_without_it() -> None:
    present = long_tailed(100)
    present[:, 7] = False
    present[13, 7] = True
    counts = counted(present, stratified_split(present, range(100), (1,) * 4), 4)
    assert sorted(counts[:, 7]) == [0, 0, 0, 1]
    assert (counts.max(axis=0) - counts.min(axis=0) <= 2).all()


def test_the_same_seed_gives_the_same_split_and_another_seed_another_one() -> None:
    present = long_tailed(200)
    one, again, other = (stratified_split(present, range(200), RATIOS, seed) for seed in (3, 3, 4))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_class_of_two_photos_is_trained_on_first() -> None:
    present = np.zeros((40, 2), bool)
    present[:, 0] = True
    present[[5, 9], 1] = True
    assert set(stratified_split(present, range(40), RATIOS)[[5, 9]].tolist()) == {0}


def test_a_part_is_never_left_empty_while_a_group_can_fill_it() -> None:
    parts = stratified_split(np.ones((3, 1), bool), ["a", "b", "c"], (0.98, 0.01, 0.01))
    assert sorted(parts.tolist()) == [0, 1, 2]


def test_photos_without_any_class_are_dealt_by_number() -> None:
    parts = stratified_split(np.zeros((100, 3), bool), range(100), RATIOS)
    assert np.bincount(parts).tolist() == [70, 15, 15]


def test_fewer_groups_than_parts_are_refused() -> None:
    with pytest.raises(BadInput, match="5 photos in 2 groups that must stay together cannot fill 3 splits"):
        stratified_split(np.ones((5, 1), bool), [0, 0, 1, 1, 1], RATIOS)


def test_photos_that_share_a_key_through_others_are_one_group() -> None:
    assert connected([("a",), ("b",), ("a", "c"), ("d",), ("c", "b"), ("e", "d")]) == [0, 0, 0, 3, 0, 3]
