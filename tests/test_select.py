"""Greedy selection equals its plain definition, and scores itself only on photos that it did not see."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trashseg_core.confusion import miou
from trashseg_core.ensemble.probabilities import Disagreement
from trashseg_core.ensemble.select import Selection, crossfit_confusions, ensemble_confusions, select_greedily


def make(seed: int, candidates: int = 4, classes: int = 3, images: int = 6, per_image: int = 40) -> Disagreement:
    """Random candidates that know the truth of each pixel a little."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, images * per_image).astype(np.uint8)
    scores = rng.random((candidates, classes, truth.size)) + 0.35 * (np.arange(classes)[:, None] == truth)
    probabilities = np.round(255 * scores / scores.sum(axis=1, keepdims=True)).astype(np.uint8)
    agreed = rng.integers(0, 30, (images, classes, classes))
    return Disagreement(probabilities, truth, np.repeat(np.arange(images, dtype=np.int32), per_image), agreed)


def plain_score(pixels: Disagreement, picks: list[int], images: np.ndarray) -> float:
    """mIoU of the mean of some candidates, by the definition."""
    total = sum(pixels.probabilities[pick].astype(int) for pick in picks)
    confusion = pixels.agreed[images].sum(axis=0)
    for label, truth, image in zip(total.argmax(axis=0), pixels.truth, pixels.image, strict=True):
        if images[image]:
            confusion[truth, label] += 1
    return float(miou(confusion))


def plain_selection(pixels: Disagreement, images: np.ndarray, max_picks: int) -> tuple[list[int], list[float]]:
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < max_picks:
        tried = [plain_score(pixels, [*picks, one], images) for one in range(len(pixels.probabilities))]
        best = max(range(len(tried)), key=lambda one: (tried[one], -one))
        if scores and tried[best] <= scores[-1]:
            break
        picks.append(best)
        scores.append(tried[best])
    return picks, scores


@pytest.mark.parametrize("seed", range(8))
def test_the_picks_equal_those_of_the_plain_definition(seed: int) -> None:
    pixels = make(seed)
    chosen = select_greedily(pixels, max_picks=6)
    assert (chosen.picks, chosen.scores) == plain_selection(pixels, np.ones(6, bool), 6)


def test_some_ensemble_of_these_takes_a_candidate_twice_and_one_more_than_one() -> None:
    picks = [select_greedily(make(seed)).picks for seed in range(8)]
    assert any(len(set(one)) < len(one) for one in picks)
    assert any(len(set(one)) > 1 for one in picks)


def test_only_the_photos_that_may_be_looked_at_decide() -> None:
    pixels, images = make(3), np.array([True, False, True, True, False, False])
    chosen = select_greedily(pixels, images, max_picks=6)
    assert (chosen.picks, chosen.scores) == plain_selection(pixels, images, 6)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(2, 11))
def test_an_ensemble_is_never_worse_than_its_best_candidate(seed: int, candidates: int, classes: int) -> None:
    pixels = make(seed, candidates, classes)
    singles = [float(miou(ensemble_confusions(pixels, row).sum(axis=0))) for row in np.eye(candidates)]
    assert select_greedily(pixels).scores[-1] >= max(singles)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_each_pick_raises_the_score(seed: int) -> None:
    scores = select_greedily(make(seed)).scores
    assert scores == sorted(set(scores))


@pytest.mark.parametrize("seed", range(4))
def test_the_last_score_is_that_of_the_weighted_mean(seed: int) -> None:
    pixels = make(seed)
    chosen = select_greedily(pixels)
    confusions = ensemble_confusions(pixels, chosen.weights(4))
    assert float(miou(confusions.sum(axis=0))) == pytest.approx(chosen.scores[-1], abs=0.003)  # ties of 8-bit sums


def test_weights_are_shares_of_the_picks() -> None:
    weights = Selection([2, 0, 2, 2], [0.1, 0.2, 0.3, 0.4]).weights(4)
    assert weights.tolist() == [0.25, 0, 0.75, 0]


@pytest.mark.parametrize("seed", range(4))
def test_weights_sum_to_one(seed: int) -> None:
    assert select_greedily(make(seed)).weights(4).sum() == pytest.approx(1, abs=1e-12)


def test_equal_candidates_are_settled_for_the_earlier_one() -> None:
    pixels = make(0, candidates=1)
    twice = np.concatenate([pixels.probabilities] * 3)
    assert select_greedily(Disagreement(twice, pixels.truth, pixels.image, pixels.agreed)).picks == [0]


def test_no_more_picks_are_made_than_allowed() -> None:
    assert [len(select_greedily(make(seed), max_picks=1).picks) for seed in range(3)] == [1, 1, 1]


def test_twelve_picks_do_not_overflow() -> None:
    probabilities = np.full((2, 2, 10), 255, np.uint8)
    probabilities[:, 1] = 254
    pixels = Disagreement(probabilities, np.zeros(10, np.uint8), np.zeros(10, np.int32), np.zeros((1, 2, 2), np.int64))
    assert ensemble_confusions(pixels, np.array([0.5, 0.5]))[0].tolist() == [[10, 0], [0, 0]]
    assert select_greedily(pixels).scores == [1.0]


def test_agreed_pixels_count() -> None:
    pixels = make(0)
    without = Disagreement(pixels.probabilities, pixels.truth, pixels.image, np.zeros_like(pixels.agreed))
    weights = np.full(4, 0.25)
    difference = ensemble_confusions(pixels, weights) - ensemble_confusions(without, weights)
    assert np.array_equal(difference, pixels.agreed)


def test_every_pixel_is_counted_once_in_its_photo() -> None:
    pixels = make(1)
    counted = ensemble_confusions(pixels, np.full(4, 0.25)) - pixels.agreed
    assert counted.sum(axis=(1, 2)).tolist() == [40] * 6
    rows = [np.bincount(pixels.truth[pixels.image == image], minlength=3) for image in range(6)]
    assert np.array_equal(counted.sum(axis=2), rows)


def poisoned(pixels: Disagreement, photos: np.ndarray) -> Disagreement:
    """The same pixels with the truth of some photos turned into nonsense."""
    truth, agreed = pixels.truth.copy(), pixels.agreed.copy()
    truth[photos[pixels.image]] = (truth[photos[pixels.image]] + 1) % 3
    agreed[photos] = agreed[photos][:, ::-1]
    return Disagreement(pixels.probabilities, truth, pixels.image, agreed)


@pytest.mark.parametrize("seed", range(6))
def test_a_held_out_photo_never_chooses_the_members_that_score_it(seed: int) -> None:
    """Poisoned truth of one half changes who scores the other half, never who scores the poisoned one itself."""
    pixels, half = make(seed), np.arange(6) % 2 == 0
    for photos in (half, ~half):
        bad = poisoned(pixels, photos)
        weights = select_greedily(pixels, ~photos).weights(4)
        expected = ensemble_confusions(bad, weights)[photos]
        assert np.array_equal(crossfit_confusions(bad)[photos], expected)


def test_crossfit_scores_each_half_with_the_choice_of_the_other() -> None:
    pixels, half = make(2), np.arange(6) % 2 == 0
    expected = np.zeros_like(pixels.agreed)
    for photos in (half, ~half):
        expected[photos] = ensemble_confusions(pixels, select_greedily(pixels, ~photos).weights(4))[photos]
    assert np.array_equal(crossfit_confusions(pixels), expected)


def test_crossfit_of_a_single_photo_ends() -> None:
    assert crossfit_confusions(make(0, images=1)).shape == (1, 3, 3)
