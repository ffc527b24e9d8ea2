"""Greedy selection equals its plain definition, whatever the candidates are."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.candidates import num_pixels, plain_confusions, plain_selection, random_grid, random_planes, store
from trashseg_core.confusion import count_confusion, miou
from trashseg_core.ensemble.disagreement import find_disagreement
from trashseg_core.ensemble.grid import Grid
from trashseg_core.ensemble.pixels import Pixels, empty_tiles
from trashseg_core.ensemble.scoring import pixel_confusions
from trashseg_core.ensemble.select import Selection, _RunningSum, select_greedily

EVERYONE = np.ones(6, bool)


def pixels_of(folder: Path, grid: Grid, planes: list[np.ndarray]) -> Pixels:
    return find_disagreement(store(folder, grid, planes), grid, folder)


@pytest.mark.parametrize("seed", range(8))
def test_the_picks_equal_those_of_the_plain_definition(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trashseg_core.ensemble.pixels.RESIDENT_BYTES", 1000 * (seed % 2))  # memory decides nothing
    grid = random_grid(seed)
    planes = random_planes(grid, seed=seed)
    chosen = select_greedily(pixels_of(tmp_path, grid, planes), max_picks=6)
    assert (chosen.picks, chosen.scores) == plain_selection(grid, planes, EVERYONE, 6)


@pytest.mark.parametrize("seed", range(3))
def test_changes_are_counted_by_the_definition_whatever_was_picked_before(seed: int) -> None:
    """Also where sums are equal, and in a tile that is not full."""
    rng = np.random.default_rng(seed)
    probabilities = (rng.random((65, 5, 3, 64)) ** 4 * 255).astype(np.uint8)
    probabilities[:20] = probabilities[:20] // 64 * 85  # ties, and certain candidates whose sums grow fast
    truth, picks = rng.integers(0, 3, (65, 64)).astype(np.uint8), rng.integers(0, 5, 25)
    truth[-1, 40:], probabilities[-1, :, :, 40:] = 255, 0
    pixels = Pixels(probabilities, truth, np.array([0, 65]), np.zeros((1, 3, 3), np.int64))
    running, total = _RunningSum(pixels, np.array([True])), np.zeros((65, 3, 64), np.int64)
    for pick in picks:
        changes = running.add(int(pick))
        total += probabilities[:, pick]
        before = count_confusion(truth, total.argmax(axis=1), 3)
        for candidate in range(5):
            after = count_confusion(truth, (total + probabilities[:, candidate]).argmax(axis=1), 3)
            assert np.array_equal(changes[candidate], after - before)


def test_some_selection_takes_a_candidate_twice_and_some_more_than_one(tmp_path: Path) -> None:
    grids = [random_grid(seed) for seed in range(8)]
    picks = [
        select_greedily(pixels_of(tmp_path / str(seed), grid, random_planes(grid, seed=seed))).picks
        for seed, grid in enumerate(grids)
    ]
    assert any(len(set(one)) < len(one) for one in picks)
    assert any(len(set(one)) > 1 for one in picks)


def test_only_the_photos_that_may_be_looked_at_decide(tmp_path: Path) -> None:
    grid, images = random_grid(3), np.array([True, False, True, True, False, False])
    planes = random_planes(grid, seed=3)
    chosen = select_greedily(pixels_of(tmp_path, grid, planes), images, max_picks=6)
    assert (chosen.picks, chosen.scores) == plain_selection(grid, planes, images, 6)


def test_barred_candidates_are_never_picked(tmp_path: Path) -> None:
    grid = random_grid(1)
    pixels = pixels_of(tmp_path, grid, random_planes(grid))
    first = select_greedily(pixels).picks[0]
    assert first not in select_greedily(pixels, allowed=np.arange(4) != first).picks


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(2, 11))
def test_each_pick_raises_the_score_from_that_of_the_best_candidate(
    tmp_path_factory: pytest.TempPathFactory, seed: int, candidates: int, classes: int
) -> None:
    grid = random_grid(seed, classes)
    planes = random_planes(grid, candidates, seed)
    scores = select_greedily(pixels_of(tmp_path_factory.mktemp("one"), grid, planes)).scores
    singles = [float(miou(plain_confusions(grid, planes, row).sum(axis=0))) for row in np.eye(candidates)]
    assert scores[0] == max(singles)
    assert scores == sorted(set(scores))


def test_equal_candidates_are_settled_for_the_earlier_one(tmp_path: Path) -> None:
    grid = random_grid(0)
    pixels = pixels_of(tmp_path, grid, random_planes(grid, candidates=1) * 3)
    assert num_pixels(pixels) == 0
    assert select_greedily(pixels).picks == [0]


def test_no_more_picks_are_made_than_allowed(tmp_path: Path) -> None:
    grid = random_grid(0)
    pixels = pixels_of(tmp_path, grid, random_planes(grid))
    assert len(select_greedily(pixels).picks) > 1
    assert len(select_greedily(pixels, max_picks=1).picks) == 1


def test_sums_of_many_certain_picks_do_not_overflow(tmp_path: Path) -> None:
    """The sum of 12 certain picks is 3060, twelve times what a byte holds."""
    probabilities, truth = empty_tiles(1, num_candidates=2, num_classes=2)
    probabilities[0, 0, 0, :2] = probabilities[0, 1, 1, :2] = 255  # one is certain of label 0, the other of label 1
    truth[0, :2] = 0, 1
    pixels = Pixels(probabilities, truth, np.array([0, 1]), np.zeros((1, 2, 2), np.int64))
    running = _RunningSum(pixels, np.array([True]))
    changes = [running.add(pick) for pick in [0] * 12 + [1] * 12]
    assert not np.any(changes[:-1])
    assert changes[-1].tolist() == [[[0, 0], [0, 0]], [[-1, 1], [-1, 1]]]  # one more breaks the ties


def test_weights_are_shares_of_the_picks() -> None:
    assert Selection([2, 0, 2, 2], [0.1, 0.2, 0.3, 0.4]).weights(4).tolist() == [0.25, 0, 0.75, 0]


def test_a_class_that_is_absent_from_val_and_one_that_nobody_predicts_are_no_obstacle(tmp_path: Path) -> None:
    grid = random_grid(0, classes=5)
    grid.truth[grid.truth == 4] = 0  # class 4 is absent, and only predicted
    planes = random_planes(grid)
    for one in planes:
        one[3] = 0  # class 3 is there, and nobody predicts it
    chosen = select_greedily(pixels_of(tmp_path, grid, planes), max_picks=6)
    assert (chosen.picks, chosen.scores) == plain_selection(grid, planes, EVERYONE, 6)


@pytest.mark.parametrize("seed", range(4))
def test_every_weighted_mean_scores_as_by_the_definition(tmp_path: Path, seed: int) -> None:
    """Also on the pixels that are left out because all candidates agree on them."""
    grid = random_grid(seed, shapes=((6, 7), (3, 2), (9, 4)))
    planes = random_planes(grid, seed=seed, skill=0.7)
    pixels = pixels_of(tmp_path, grid, planes)
    assert 0 < num_pixels(pixels) < (grid.truth != 255).sum()
    weights = np.random.default_rng(seed).dirichlet(np.ones(4))
    assert np.array_equal(pixel_confusions(pixels, [weights] * 3), plain_confusions(grid, planes, weights))


def test_a_held_out_photo_is_scored_with_its_own_weights(tmp_path: Path) -> None:
    grid = random_grid(0, shapes=((6, 7), (5, 5)))
    planes = random_planes(grid)
    scored = pixel_confusions(pixels_of(tmp_path, grid, planes), [np.eye(4)[1], np.eye(4)[2]])
    assert np.array_equal(scored[0], plain_confusions(grid, planes, np.eye(4)[1])[0])
    assert np.array_equal(scored[1], plain_confusions(grid, planes, np.eye(4)[2])[1])


@pytest.mark.parametrize("weights", [np.ones(3) / 3, np.ones(5) / 5, np.ones((3, 3)) / 3])
def test_weights_of_another_number_are_refused_not_cut(tmp_path: Path, weights: np.ndarray) -> None:
    grid = random_grid(0)
    pixels = pixels_of(tmp_path, grid, random_planes(grid))
    with pytest.raises(ValueError, match=f"{len(weights)} weights were given for 4 candidates: one each is needed"):
        pixel_confusions(pixels, [weights] * 6)
    with pytest.raises(ValueError, match="5 lists of weights were given for 6 photos"):
        pixel_confusions(pixels, [np.ones(4) / 4] * 5)


def test_pages_beyond_the_limit_are_let_go_after_every_pick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = random_grid(0)
    pixels, released = pixels_of(tmp_path, grid, random_planes(grid)), list[int]()
    assert len(pixels.singles) == 6  # computed before: it lets go of everything
    monkeypatch.setattr("trashseg_core.ensemble.pixels.BLOCK_TILES", 1)
    monkeypatch.setattr("trashseg_core.ensemble.pixels.release", lambda rows: released.append(len(rows)))
    picks = len(select_greedily(pixels).picks)
    assert not released
    monkeypatch.setattr("trashseg_core.ensemble.pixels.RESIDENT_BYTES", 3 * pixels.probabilities[:1].nbytes)
    assert len(select_greedily(pixels).picks) == picks
    assert released == [1] * picks * (len(pixels.truth) - 3)
