"""Where models really stand: gaps that noise can make shrink, others stay."""

import numpy as np

from trashseg_core.stability.true_scores import draw_true_scores

SCORES = np.array([0.70, 0.66, 0.62, 0.60])


def draw(noise: float, scores: np.ndarray = SCORES) -> np.ndarray:
    rng = np.random.default_rng(0)
    return draw_true_scores(scores, noise * rng.normal(size=(500, len(scores))), 4000, rng)


def test_gaps_far_above_the_noise_stay() -> None:
    drawn = draw(0.001)
    np.testing.assert_allclose(drawn.mean(axis=0), SCORES, rtol=0, atol=0.001)
    np.testing.assert_allclose(drawn.std(axis=0), 0.001, rtol=0.15)


def test_gaps_below_the_noise_shrink_and_keep_their_order() -> None:
    mean = draw(0.03).mean(axis=0)
    assert (np.diff(mean) < 0).all()
    assert mean[0] - mean[-1] < 0.5 * (SCORES[0] - SCORES[-1])
    assert abs(mean.mean() - SCORES.mean()) < 0.005


def test_what_moves_all_models_alike_says_nothing_about_their_gaps() -> None:
    rng = np.random.default_rng(0)
    common = 0.1 * rng.normal(size=(500, 1)) + 0.001 * rng.normal(size=(500, 4))
    drawn = draw_true_scores(SCORES, common, 2000, rng)
    np.testing.assert_allclose((drawn[:, 0] - drawn[:, 3]).mean(), 0.1, rtol=0, atol=0.001)
    assert drawn.mean(axis=1).std() > 0.08


def test_one_model_or_equal_models_are_their_scores_plus_noise() -> None:
    rng = np.random.default_rng(0)
    alone = draw_true_scores(SCORES[:1], 0.1 * rng.normal(size=(500, 1)), 2000, rng)
    assert alone.shape == (2000, 1) and 0.09 < alone.std() < 0.11
    twins = draw_true_scores(SCORES[[0, 0]], np.repeat(rng.normal(size=(500, 1)), 2, axis=1), 100, rng)
    assert np.array_equal(twins[:, 0], twins[:, 1])
