"""Resampled scores are those of the definition; intervals hold what they say, on populations of known truth."""

import os

import numpy as np
import pytest

from tests.populations import make_populations
from trashseg_core import bootstrap
from trashseg_core.bootstrap import MIN_PHOTOS, areas_of, count_draws, intervals, resample, shares_of
from trashseg_core.confusion import iou, miou

NUM_POPULATIONS = int(os.environ.get("TRASHSEG_POPULATIONS", "500"))
"""Populations that coverage is measured on; the documented numbers are of 2,000."""


@pytest.fixture(scope="module")
def per_image() -> np.ndarray:
    """Matrices of 30 photos, 2 models and 4 classes, of which the last is in no photo."""
    counts = np.random.default_rng(0).integers(0, 50, (30, 2, 4, 4)) + 60 * np.eye(4, dtype=np.int64)
    counts[..., 3, :] = counts[..., 3] = 0
    return counts


def test_areas_give_the_scores_of_the_matrices(per_image: np.ndarray) -> None:
    areas, total = areas_of(per_image).sum(axis=0), per_image.sum(axis=0)
    np.testing.assert_allclose(areas[:, 0, :3] / areas[:, 1, :3], iou(total)[:, :3], rtol=0, atol=1e-12)
    np.testing.assert_allclose(shares_of(areas).sum(axis=-1), miou(total), rtol=0, atol=1e-12)
    assert (shares_of(areas)[:, 3] == 0).all()


def test_data_without_any_class_have_no_score() -> None:
    assert np.isnan(shares_of(np.zeros((2, 3)))).all()


def test_draws_are_counted_per_resample() -> None:
    assert count_draws(np.array([[0, 2, 2], [1, 1, 1]]), 4).tolist() == [[1, 0, 2, 0], [0, 3, 0, 0]]


def test_blocks_do_not_change_what_is_drawn(per_image: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(resample(areas_of(per_image), 100))
    monkeypatch.setattr(bootstrap, "CHUNK_BYTES", 5000)
    parts = list(resample(areas_of(per_image), 100))
    assert len(whole) == 1 and len(parts) == 10
    assert np.array_equal(np.concatenate(parts), whole[0])


def test_an_interval_lies_around_the_score_and_absent_classes_have_none(per_image: np.ndarray) -> None:
    spans, scores = intervals(areas_of(per_image), 500), miou(per_image.sum(axis=0))
    assert (spans.miou[:, 0] < scores).all() and (scores < spans.miou[:, 1]).all()
    assert np.isnan(spans.iou[:, 3]).all() and not np.isnan(spans.iou[:, :3]).any()


def test_a_large_test_set_has_no_luck_of_its_own_and_a_small_one_much(per_image: np.ndarray) -> None:
    areas = areas_of(per_image)
    widths = [np.ptp(intervals(areas, 2000, test_size=size).miou[0]) for size in (None, 30_000, 30, 5)]
    assert widths[1] == pytest.approx(widths[0], rel=0.05)
    assert widths[2] == pytest.approx(np.sqrt(2) * widths[0], rel=0.1)
    assert widths[3] > 1.5 * widths[2]


def test_a_class_in_too_few_photos_has_no_interval(per_image: np.ndarray) -> None:
    areas = areas_of(per_image)
    areas[MIN_PHOTOS - 1 :, :, :, 2] = 0
    assert np.isnan(intervals(areas, 200).iou[:, 2]).all()
    areas[MIN_PHOTOS - 1] = areas[0]
    assert not np.isnan(intervals(areas, 200).iou[:, 2]).any()


def test_identical_photos_leave_no_doubt(per_image: np.ndarray) -> None:
    areas = np.repeat(areas_of(per_image[:1]), 10, axis=0)
    np.testing.assert_allclose(np.ptp(intervals(areas, 100).miou, axis=1), 0, atol=1e-12)


def coverage(num_photos: int, seed: int = 0) -> tuple[float, float]:
    """How often the 90 % intervals hold the truth: of mIoU, and of the classes that have one."""
    held, held_classes = [], []
    for first in range(0, NUM_POPULATIONS, 100):
        populations = make_populations(100, seed + first)
        areas = populations.draw(num_photos, np.random.default_rng(seed + first + 1))[:, :, 0]
        spans, truth = intervals(areas, 1000, seed=first), populations.iou[:, 0]
        mean = truth.mean(axis=1)
        held.append((spans.miou[:, 0] <= mean) & (mean <= spans.miou[:, 1]))
        inside = (spans.iou[..., 0] <= truth) & (truth <= spans.iou[..., 1])
        held_classes.append(inside[~np.isnan(spans.iou[..., 0])])
    return float(np.concatenate(held).mean()), float(np.concatenate(held_classes).mean())


@pytest.mark.parametrize("num_photos", [98, 190, 655])
def test_ninety_percent_intervals_hold_the_truth_in_87_to_93_percent_of_populations(num_photos: int) -> None:
    """With 2,000 populations (TRASHSEG_POPULATIONS=2000): see the table in the docstring of `bootstrap.intervals`."""
    of_miou, of_classes = coverage(num_photos)
    assert 0.87 <= of_miou <= 0.93
    assert 0.87 <= of_classes <= 0.93


@pytest.mark.parametrize(("num_photos", "test_size"), [(98, 91), (190, 190), (655, 91)])
def test_intervals_for_a_test_set_hold_its_score_in_87_to_93_percent_of_populations(
    num_photos: int, test_size: int
) -> None:
    """Likewise; the score of a test set that was drawn, not that of the whole population."""
    held = []
    for first in range(0, NUM_POPULATIONS, 100):
        populations, rng = make_populations(100, first), np.random.default_rng(first + 1)
        areas, test = (populations.draw(size, rng)[:, :, 0] for size in (num_photos, test_size))
        spans = intervals(areas, 1000, seed=first, test_size=test_size).miou
        reached = shares_of(test.sum(axis=0)).sum(axis=-1)
        held.append((spans[:, 0] <= reached) & (reached <= spans[:, 1]))
    assert 0.87 <= np.concatenate(held).mean() <= 0.93
