"""Simulated halves: drawn as the definition says, flips as frequent as foretold, causes that sum to the whole."""

import os
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from tests.populations import make_populations
from trashseg_core import bootstrap
from trashseg_core.bootstrap import shares_of
from trashseg_core.stability.shakeup import Halves, causes, flip_probabilities, rarest_class, simulate_halves, spearman

NUM_POPULATIONS = int(os.environ.get("TRASHSEG_POPULATIONS", "120"))
"""Populations that flips are counted on."""


@pytest.fixture(scope="module")
def areas() -> np.ndarray:
    """150 photos of 4 models and 11 classes."""
    return make_populations(1, 7, models=4, gaps=(0.3, 0.3)).draw(150, np.random.default_rng(8))[:, 0]


@pytest.fixture(scope="module")
def halves(areas: np.ndarray) -> Halves:
    return simulate_halves(areas, 200, num_tests=1500)


def test_halves_have_the_shapes_of_their_models_and_classes(halves: Halves) -> None:
    assert halves.public.shape == halves.private.shape == (1500, 4, 11)
    assert halves.public_scores.shape == (1500, 4)


def test_neither_half_is_favoured(halves: Halves) -> None:
    moved = halves.private_scores - halves.public_scores
    assert (abs(moved.mean(axis=0)) < 4 * moved.std(axis=0) / np.sqrt(len(moved))).all()


def test_larger_test_sets_move_less(areas: np.ndarray, halves: Halves) -> None:
    larger = simulate_halves(areas, 1800, num_tests=300)
    moved = [np.std(one.private_scores - one.public_scores) for one in (halves, larger)]
    assert 2.3 < moved[0] / moved[1] < 3.9  # the square root of nine


def test_test_sets_drawn_in_blocks_are_as_many(areas: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "CHUNK_BYTES", 50_000)
    assert simulate_halves(areas, 200, num_tests=50).private.shape == (50, 4, 11)


def test_dealing_a_rare_class_evenly_keeps_it_from_moving_the_scores() -> None:
    shown = np.zeros((60, 3), bool)
    shown[:, 0], shown[:, 1], shown[:6, 2] = True, True, True
    one = np.stack([shown, shown], axis=1).astype(float)[:, None]
    one[:3, :, 0, 2] = 0  # the rare class is found in three of its six photos
    strata = rarest_class(shown)
    assert strata.tolist() == [0] * 6 + [1] * 54
    spread = [
        np.std(np.diff([both.public[..., 2], both.private[..., 2]], axis=0))
        for both in (simulate_halves(one, 60, kind, num_tests=800) for kind in (None, strata))
    ]
    assert spread[1] < 0.95 * spread[0]


def test_a_stratum_is_dealt_evenly() -> None:
    shown = np.zeros((20, 2), bool)
    shown[:, 0], shown[:10, 1] = True, True
    one = np.stack([shown, shown], axis=1).astype(float)[:, None]
    one[:, :, 1, 0] = 1
    one[:10, :, 0, 0] = 0  # IoU of class 0 is the share of photos of the stratum that has no class 1
    both = simulate_halves(one, 40, rarest_class(shown), num_tests=200)
    apart = abs(both.public[:, 0, 0] - both.private[:, 0, 0]) * 2 * 20
    assert apart.max() <= 1 + 1e-9


def test_a_photo_without_any_class_is_a_stratum_of_its_own() -> None:
    assert rarest_class(np.array([[True, False], [False, False]])).tolist() == [1, 2]


def test_flips_are_symmetric_and_surer_for_closer_models(halves: Halves) -> None:
    flips = flip_probabilities(halves)
    assert np.array_equal(flips, flips.T) and (np.diag(flips) == 0).all()
    scores = halves.public_scores.mean(axis=0)
    one, other = np.triu_indices(4, 1)
    assert spearmanr(abs(scores[one] - scores[other]), flips[one, other])[0] < -0.5


def test_the_rank_correlation_is_scipy_s() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 7))
    assert spearman(one, other) == pytest.approx(spearmanr(one, other)[0], abs=1e-12)


def test_causes_are_the_shapley_values_of_the_lost_rank_correlation() -> None:
    rng = np.random.default_rng(1)
    public = rng.normal(size=(1, 5, 3)).repeat(3000, axis=0)
    private = public + rng.normal(size=(1, 5, 3)) * [0.2, 1.0, 3.0]
    halves = Halves(public, private, np.zeros((3000, 5)))

    def lost(changed: set[int]) -> float:
        mixed = np.where([label in changed for label in range(3)], private[0], public[0])
        return 1 - float(spearman(public[0].sum(axis=1), mixed.sum(axis=1)))

    expected = np.zeros(3)
    for order in permutations(range(3)):
        for place, label in enumerate(order):
            expected[label] += (lost(set(order[: place + 1])) - lost(set(order[:place]))) / 6
    np.testing.assert_allclose(causes(halves), expected / expected.sum(), rtol=0, atol=0.03)


def test_only_a_class_that_moves_is_a_cause(halves: Halves) -> None:
    private = halves.public.copy()
    private[..., 5] = halves.private[..., 5]
    shares = causes(Halves(halves.public, private, halves.shift))
    assert shares[5] == pytest.approx(1) and shares.sum() == pytest.approx(1)
    assert np.isnan(causes(Halves(halves.public, halves.public, halves.shift))).all()


def calibration(num_photos: int, test_size: int, models: int, seed: int = 0) -> tuple[float, float, float]:
    """Compare foretold with real flips over populations whose models lie from close together to far apart.

    Returns:
        Expected calibration error over ten bins; Brier score; Brier score of always saying how often flips are.
    """
    one, other = np.triu_indices(models, 1)
    foretold, real = [], []
    for number in range(seed, seed + NUM_POPULATIONS):
        population = make_populations(1, number, models, gaps=(0.05, 1.5))
        rng = np.random.default_rng(number)
        scored, test = (population.draw(size, rng)[:, 0] for size in (num_photos, test_size))
        public, private = (shares_of(half.sum(axis=0)).sum(axis=-1) for half in (test[::2], test[1::2]))
        real.append((public[one] - public[other]) * (private[one] - private[other]) < 0)
        halves = simulate_halves(scored, test_size, num_tests=300, seed=number)
        foretold.append(flip_probabilities(halves)[one, other])
    said, came = np.concatenate(foretold), np.concatenate(real).astype(float)
    bins = np.minimum((10 * said).astype(int), 9)
    error = sum(abs((said - came)[bins == one].sum()) for one in range(10)) / len(said)
    return float(error), float(((said - came) ** 2).mean()), float(came.var())


def test_flips_come_as_often_as_foretold() -> None:
    """Mean over bins of |foretold - real|: 0.018 on 1,000 populations, TRASHSEG_POPULATIONS=1000; few scatter more."""
    error, brier, ignorant = calibration(190, 190, models=6)
    assert error <= 0.05
    assert brier < 0.95 * ignorant
