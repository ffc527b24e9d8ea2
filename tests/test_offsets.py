"""Offsets and per-class weights raise mIoU where there is something to gain."""

from pathlib import Path

import numpy as np
import pytest

from tests.candidates import random_grid, random_planes, store
from trashseg_core.confusion import count_confusion, miou
from trashseg_core.ensemble.class_weights import fit_class_weights
from trashseg_core.ensemble.disagreement import sample_pixels
from trashseg_core.ensemble.offsets import GRID, _tabulate, fit_offsets
from trashseg_core.ensemble.scoring import Mixture, mixture_confusions


def reached(scores: np.ndarray, truth: np.ndarray, offsets: np.ndarray) -> float:
    labels = (np.log(scores) + offsets).argmax(axis=1)
    return float(miou(count_confusion(truth, labels, scores.shape[1])))


def timid(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose rare class 2 is always put too low: divided by three."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, 4000, p=[0.7, 0.27, 0.03]).astype(np.uint8)
    scores = rng.random((4000, 3)) + 1.2 * (np.arange(3) == truth[:, None])
    scores[:, 2] /= 3
    return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32), truth


def test_a_class_that_is_put_too_low_is_raised() -> None:
    scores, truth = timid()
    offsets = fit_offsets(scores, truth)
    assert offsets[0] == 0 and 0.5 < offsets[2] < 1.5
    assert reached(scores, truth, offsets) > reached(scores, truth, np.zeros(3)) + 0.1


def test_the_table_of_a_class_holds_the_confusions_of_every_offset() -> None:
    scores, truth = timid(1)
    logs = np.log(scores)
    for label in range(3):
        table = _tabulate(logs, truth, label)
        for step in (0, 17, 30, 60):
            offsets = np.where(np.arange(3) == label, GRID[step], 0)
            labels = (logs + offsets).argmax(axis=1)
            assert np.array_equal(table[step], count_confusion(truth, labels, 3))


def test_ties_go_to_the_lower_label_as_in_prediction() -> None:
    logs = np.zeros((1, 3))
    for label in range(3):
        predicted = _tabulate(logs, np.array([0], np.uint8), label)[len(GRID) // 2][0]
        assert predicted.tolist() == [1, 0, 0]


def test_a_perfect_prediction_is_left_alone() -> None:
    truth = np.arange(300, dtype=np.uint8) % 3
    scores = np.where(np.arange(3) == truth[:, None], 0.8, 0.1).astype(np.float32)
    assert not fit_offsets(scores, truth).any()


def test_no_pixels_and_impossible_classes_are_no_obstacle() -> None:
    assert not fit_offsets(np.empty((0, 3), np.float32), np.empty(0, np.uint8)).any()
    scores, truth = timid()
    scores[:, 1] = 0
    assert np.isfinite(fit_offsets(scores, truth)).all()


def test_a_class_listens_to_the_member_that_knows_it(tmp_path: Path) -> None:
    """Two members: one sees only classes 0 and 1, the other tells 2 from the rest but confuses 0 and 1."""
    grid = random_grid(0, shapes=((30, 30),) * 4)
    rng, truth = np.random.default_rng(1), np.where(grid.truth == 255, 0, grid.truth)
    blind = np.stack([0.9 * (truth == 0) + 0.45 * (truth == 2), 0.9 * (truth == 1) + 0.45 * (truth == 2), 0 * truth])
    keen = np.stack([0.4 + 0 * truth, 0.4 + 0 * truth, 0.2 + 0.3 * (truth == 2)])
    planes = []
    for one in (blind, keen):
        noisy = one + 0.2 * rng.random(one.shape)
        planes.append(np.round(255 * noisy / noisy.sum(axis=0)).astype(np.uint8))
    predictions = store(tmp_path, grid, planes)
    sample, equal = sample_pixels(predictions, grid, 10**6), np.array([0.5, 0.5])
    weights = fit_class_weights(sample, equal, np.ones(4, bool))
    assert np.allclose(weights.sum(axis=0), 1) and (weights >= 0).all()
    assert weights[1, 2] > 0.5

    def score(matrix: np.ndarray) -> float:
        mixtures = [Mixture(matrix, np.zeros(3))] * 4
        return float(miou(mixture_confusions([predictions] * 4, mixtures, grid).sum(axis=0)))

    assert score(weights) > score(np.full((2, 3), 0.5)) + 0.02


@pytest.mark.parametrize("images", [np.zeros(6, bool), np.ones(6, bool)], ids=["none", "all"])
def test_one_member_keeps_its_weight(tmp_path: Path, images: np.ndarray) -> None:
    grid = random_grid(0)
    sample = sample_pixels(store(tmp_path, grid, random_planes(grid)), grid, 10**6)
    assert np.array_equal(fit_class_weights(sample, np.eye(4)[2], images), np.repeat(np.eye(4)[2][:, None], 3, axis=1))
