"""Scores from per-image confusion matrices equal those of the oracles and of scikit-learn."""

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, jaccard_score

from trashseg_core.confusion import bootstrap_miou, class_slugs, count_confusion, iou, miou, miou_low

CASES = (
    "random perfect one_image many_images predicted_but_absent never_predicted background_only_truth absent_in_both "
    "all_background ignore_255 predicted_only_under_ignore everything_ignored large_counts"
).split()


@pytest.fixture(scope="module")
def oracle(shared: Path) -> Any:
    return np.load(shared / "oracles" / "miou_cases.npz")


def count_all(oracle: Any, case: str) -> np.ndarray:
    pairs = zip(oracle[f"{case}_truth"], oracle[f"{case}_pred"], strict=True)
    return np.stack([count_confusion(truth, pred, int(oracle[f"{case}_classes"])) for truth, pred in pairs])


def test_the_list_of_cases_is_the_oracle_s(oracle: Any) -> None:
    assert sorted(oracle["cases"].tolist()) == sorted(CASES)


@pytest.mark.parametrize("case", CASES)
def test_matrices_and_scores_equal_the_oracle_s(oracle: Any, case: str) -> None:
    per_image = count_all(oracle, case)
    assert per_image.dtype == np.int64
    assert np.array_equal(per_image, oracle[f"{case}_per_image"])
    total = per_image.sum(axis=0)
    assert np.array_equal(total, oracle[f"{case}_confusion"])
    np.testing.assert_allclose(iou(total), oracle[f"{case}_iou"], rtol=0, atol=1e-12, equal_nan=True)
    np.testing.assert_allclose(miou(total), oracle[f"{case}_miou"], rtol=0, atol=1e-12, equal_nan=True)


def test_the_most_classes_that_fit_into_a_byte_are_counted_without_overflow() -> None:
    truth = np.array([[254, 255, 0]], np.uint8)
    counted = count_confusion(truth, np.array([[254, 254, 254]], np.uint8), 255)
    assert (counted[254, 254], counted[0, 254], counted.sum()) == (1, 1, 2)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 11), st.integers(0, 2**32 - 1))
def test_any_pair_of_maps_scores_as_scikit_learn_says(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.integers(0, classes, (2, 9, 9), dtype=np.uint8)
    truth[rng.random(truth.shape) < 0.1] = 255
    valid = truth != 255
    counted = count_confusion(truth, prediction, classes)
    pair = (truth[valid], prediction[valid])
    assert np.array_equal(counted, confusion_matrix(*pair, labels=range(classes)))
    present = np.union1d(*pair)
    expected = jaccard_score(*pair, labels=present, average=None)
    np.testing.assert_allclose(iou(counted)[present], expected, rtol=0, atol=1e-12)
    assert miou(counted) == pytest.approx(expected.mean(), abs=1e-12)


def test_dataset_level_is_not_the_mean_over_images(oracle: Any) -> None:
    per_image = count_all(oracle, "many_images")
    assert round(float(miou(per_image.sum(axis=0))), 3) == 0.457
    assert round(float(np.nanmean(miou(per_image))), 3) == 0.283


@pytest.fixture(scope="module")
def per_image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 50, (20, 4, 4)) + 60 * np.eye(4, dtype=np.int64)


def test_each_resample_is_the_miou_of_whole_images_drawn_with_replacement(per_image: np.ndarray) -> None:
    drawn = np.random.default_rng(5).integers(0, 20, (30, 20))
    expected = [float(miou(per_image[photos].sum(axis=0))) for photos in drawn]
    np.testing.assert_allclose(bootstrap_miou(per_image, 30, seed=5), expected, rtol=0, atol=1e-12)


def test_the_bootstrap_of_one_image_has_no_spread(per_image: np.ndarray) -> None:
    resampled = bootstrap_miou(per_image[:1], 50)
    np.testing.assert_allclose(resampled, miou(per_image[0]), rtol=0, atol=1e-12)


def test_the_low_score_is_the_five_percent_quantile_of_the_resamples(per_image: np.ndarray) -> None:
    resampled = bootstrap_miou(per_image)
    assert (resampled < miou_low(per_image)).mean() == pytest.approx(0.05, abs=0.001)


def test_the_low_score_lies_below_the_score_and_is_the_same_each_time(per_image: np.ndarray) -> None:
    assert miou_low(per_image) == miou_low(per_image) < miou(per_image.sum(axis=0))


def test_the_low_score_of_photos_without_a_label_is_nan_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(miou_low(np.zeros((3, 4, 4), np.int64)))


def test_resamples_without_a_labelled_photo_do_not_enter_the_low_score() -> None:
    per_image = np.stack([np.eye(2, dtype=np.int64), np.zeros((2, 2), np.int64)])
    assert np.isnan(bootstrap_miou(per_image)).any() and miou_low(per_image) == 1


def test_scores_of_a_stack_equal_those_one_by_one(per_image: np.ndarray) -> None:
    assert np.array_equal(miou(per_image), [float(miou(one)) for one in per_image])


@pytest.mark.parametrize(
    ("names", "slugs"),
    [
        (["Background", "General trash", "Plastic bag"], ["background", "general_trash", "plastic_bag"]),
        (["A (b)", "a@b, c"], ["a_b", "a_b_c"]),
        (["紙", "ガラス"], ["class_0", "class_1"]),
        (["glass", "Glass"], ["glass", "glass_1"]),
    ],
)
def test_class_names_become_metric_keys(names: list[str], slugs: list[str]) -> None:
    assert class_slugs(names) == slugs


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["a", "A", "a_1", "a_2", "A 2", "a-2_2", "?", "class_1"]), max_size=6, unique=True))
def test_metric_keys_are_unique(names: list[str]) -> None:
    assert len(set(class_slugs(names))) == len(names)
