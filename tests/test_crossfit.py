"""What is held out never chooses, and the simpler of equals wins."""

import numpy as np
import pytest

from trashseg_core.ensemble.crossfit import Outcome, crossfit, interval, make_folds, paired_error, simplest


def outcome(name: str, held_out: np.ndarray) -> Outcome:
    return Outcome(name, held_out, held_out, 0.0)


def photos(right: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Per-image confusion matrices of two classes: right and wrong pixels of each photo, the same for both."""
    zeros = np.zeros_like(right)
    rows = np.stack([np.stack([right, wrong], axis=1), np.stack([zeros, right], axis=1)], axis=1)
    return rows.astype(np.int64)


def test_every_photo_is_in_one_fold_and_folds_are_of_like_size() -> None:
    counts = np.random.default_rng(0).integers(0, 2, (23, 4))
    folds = make_folds(counts)
    sizes = np.bincount(folds)
    assert len(folds) == 23 and len(sizes) == 5 and sizes.max() - sizes.min() <= 2


def test_a_rare_class_is_spread_over_the_folds() -> None:
    for seed in range(10):
        counts = np.ones((40, 3), np.int64)
        counts[:, 2] = 0
        counts[:5, 2] = 7
        assert sorted(make_folds(counts, seed=seed)[:5]) == [0, 1, 2, 3, 4]


def test_folds_are_a_function_of_the_seed() -> None:
    counts = np.ones((40, 3), np.int64)
    assert np.array_equal(make_folds(counts, seed=1), make_folds(counts, seed=1))
    assert not np.array_equal(make_folds(counts, seed=1), make_folds(counts, seed=2))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_few_photos_make_as_many_folds(number: int) -> None:
    assert sorted(make_folds(np.ones((number, 2), np.int64))) == list(range(number))


def test_what_scores_a_photo_was_fitted_without_its_fold() -> None:
    folds = np.array([0, 1, 2, 0, 1, 2, 1])
    on_all, without = crossfit(lambda images: tuple(np.flatnonzero(images)), folds)
    assert on_all == tuple(range(7))
    for photo, seen in enumerate(without):
        assert set(seen) == set(np.flatnonzero(folds != folds[photo]))


def test_a_gain_on_every_photo_has_a_smaller_error_than_the_same_gain_on_one() -> None:
    right = np.full(40, 80)
    base = photos(right, np.full(40, 20))
    steady = photos(right + 5, np.full(40, 15))
    lucky = base.copy()
    lucky[0, 0] += [200, -20]
    assert paired_error(steady, base) < 0.2 * paired_error(lucky, base)
    assert paired_error(base, base) == 0


def test_the_interval_holds_the_score() -> None:
    rng = np.random.default_rng(0)
    confusions = photos(rng.integers(50, 100, 60), rng.integers(0, 50, 60))
    low, high = interval(confusions)
    assert low < outcome("", confusions).held_out_miou < high


def test_the_simplest_within_one_standard_error_of_the_best_wins() -> None:
    rng = np.random.default_rng(0)
    right, noise = rng.integers(50, 100, 60), rng.integers(0, 30, 60)
    base, same, better = photos(right, noise), photos(right, noise), photos(right + 40, noise // 2)
    assert simplest([outcome("a", base), outcome("b", same)])[0] == 0
    assert simplest([outcome("a", base), outcome("b", better)])[0] == 1
    assert simplest([outcome("a", better), outcome("b", base)])[0] == 0
    noisy = base.copy()
    noisy[0, 0], noisy[1, 0] = base[0, 0] + [60, 0], base[1, 0] + [0, 3]  # one gains, one loses: that is chance
    assert outcome("", noisy).held_out_miou > outcome("", base).held_out_miou
    assert simplest([outcome("a", base), outcome("b", noisy)])[0] == 0
