"""Every way of weighting candidates yields shares, and finds what it is meant to find."""

from pathlib import Path

import numpy as np
import pytest

from tests.candidates import num_pixels, plain_confusions, random_grid, random_planes, store
from trashseg_core.confusion import miou
from trashseg_core.ensemble.disagreement import _mapped, find_disagreement, sample_pixels
from trashseg_core.ensemble.methods import METHODS, score_weights
from trashseg_core.ensemble.pixels import Pixels, release
from trashseg_core.ensemble.scoring import pixel_confusions
from trashseg_core.ensemble.select import Selection, select_greedily

GRID = random_grid(5, shapes=((12, 12),) * 6)
PLANES = random_planes(GRID, candidates=5, seed=5)
EVERYONE = np.ones(6, bool)


@pytest.fixture
def pixels(tmp_path: Path) -> Pixels:
    return find_disagreement(store(tmp_path, GRID, PLANES), GRID, tmp_path)


def reached(weights: np.ndarray, images: np.ndarray = EVERYONE) -> float:
    return float(miou(plain_confusions(GRID, PLANES, weights)[images].sum(axis=0)))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("images", [EVERYONE, np.arange(6) < 2, np.zeros(6, bool)], ids=["all", "two", "none"])
def test_weights_are_shares(pixels: Pixels, name: str, images: np.ndarray) -> None:
    weights = METHODS[name](pixels, images)
    assert weights.shape == (5,) and (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("candidates", [1, 2])
def test_few_candidates_and_candidates_that_agree_on_everything_are_enough(
    tmp_path: Path, name: str, candidates: int
) -> None:
    same = find_disagreement(store(tmp_path, GRID, PLANES[:1] * candidates), GRID, tmp_path)
    weights = METHODS[name](same, EVERYONE)
    assert weights.shape == (candidates,) and weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", METHODS)
def test_only_the_photos_that_may_be_looked_at_decide(tmp_path: Path, name: str) -> None:
    seen = np.arange(6) < 3
    poisoned = random_grid(5, shapes=((12, 12),) * 6)
    poisoned.truth[poisoned.starts[3] :] = (poisoned.truth[poisoned.starts[3] :] + 1) % 3
    clean = find_disagreement(store(tmp_path / "clean", GRID, PLANES), GRID, tmp_path)
    bad = find_disagreement(store(tmp_path / "bad", poisoned, PLANES), poisoned, tmp_path)
    assert np.array_equal(METHODS[name](clean, seen), METHODS[name](bad, seen))


def test_the_best_single_candidate_is_found(pixels: Pixels) -> None:
    singles = [reached(row) for row in np.eye(5)]
    assert np.array_equal(METHODS["single"](pixels, EVERYONE), np.eye(5)[int(np.argmax(singles))])


def test_uniform_takes_the_best_number_of_the_best_candidates(pixels: Pixels) -> None:
    order = np.argsort([-reached(row) for row in np.eye(5)], kind="stable")
    tried = [np.eye(5)[order[:number]].mean(axis=0) for number in range(1, 6)]
    best = tried[int(np.argmax([reached(one) for one in tried]))]
    assert np.allclose(METHODS["uniform"](pixels, EVERYONE), best)


def test_the_best_pair_is_found(pixels: Pixels) -> None:
    pairs = [
        share * np.eye(5)[one] + (1 - share) * np.eye(5)[other]
        for one in range(5)
        for other in range(5)
        if one != other
        for share in np.arange(1, 8) / 8
    ]
    found = METHODS["pairwise"](pixels, EVERYONE)
    assert reached(found) == max(reached(one) for one in pairs)


def test_refined_weights_are_never_worse_than_greedy_ones(pixels: Pixels) -> None:
    assert reached(METHODS["refined"](pixels, EVERYONE)) >= select_greedily(pixels).scores[-1]


def test_bags_are_a_mean_of_selections_from_half_of_the_candidates(
    pixels: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = []

    def select(pixels: Pixels, images: np.ndarray, allowed: np.ndarray) -> Selection:
        offered.append(allowed)
        return select_greedily(pixels, images, allowed)

    monkeypatch.setattr("trashseg_core.ensemble.methods.select_greedily", select)
    bagged = METHODS["bagged"](pixels, EVERYONE)
    assert {int(one.sum()) for one in offered} == {2} and len({one.tobytes() for one in offered}) > 3
    each = [select_greedily(pixels, EVERYONE, one).weights(5) for one in offered]
    assert np.allclose(bagged, np.mean(each, axis=0))


def test_a_score_over_some_photos_is_that_of_the_definition(pixels: Pixels) -> None:
    images = np.array([True, True, False, True, False, False])
    weights = np.array([0.1, 0.2, 0.3, 0.4, 0.0])
    assert score_weights(pixels, weights, images) == reached(weights, images)


def test_fewer_pixels_stand_for_all(pixels: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trashseg_core.ensemble.pixels.FEWER_PIXELS", 100)
    few, weights = pixels.few, [np.full(5, 0.2)] * 6
    assert 50 < num_pixels(few) <= 100 and few.stride > 1
    counted, exact = pixel_confusions(few, weights), pixel_confusions(pixels, weights)
    assert np.abs(counted.sum() / exact.sum() - 1) < 0.05
    assert np.diff(few.starts).min() > 0


def test_released_rows_leave_memory_and_stay_in_the_file(tmp_path: Path) -> None:
    rows = _mapped(tmp_path, (20_000_000,))
    rows[:] = 7
    before = resident_mb()
    release(rows[:10_000_000])
    release(rows[10_000_000:])
    assert resident_mb() < before - 15
    assert (rows == 7).all()
    assert not list(tmp_path.iterdir())


def resident_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS:"))


def test_a_sample_takes_pixels_of_every_photo_agreed_or_not(tmp_path: Path) -> None:
    predictions = store(tmp_path, GRID, PLANES)
    sample = sample_pixels(predictions, GRID, 200)
    assert 100 < num_pixels(sample) <= 200 and not sample.agreed.any()
    full = sample_pixels(predictions, GRID, 10**6)
    weights = np.full(5, 0.2)
    assert np.array_equal(pixel_confusions(full, [weights] * 6), plain_confusions(GRID, PLANES, weights))
