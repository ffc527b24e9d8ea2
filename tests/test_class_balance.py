"""Class weights and the drawing of photos follow their formulas."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from tests.tiny import tiny_config
from trashseg_core.data.dataset import open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.losses import build_loss
from trashseg_core.training.class_balance import class_weights, count_pixels, photo_probabilities

CLASSES = 5
PIXELS = np.array([[900, 100, 0, 0], [800, 150, 50, 0], [1000, 0, 0, 0]])
"""Three photos, four classes: the last one never occurs."""


def batch(ignored: float = 0.2) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(0)
    target = rng.integers(0, CLASSES, (3, 6, 7))
    target[rng.random(target.shape) < ignored] = 255
    return torch.tensor(rng.normal(0, 2, (3, CLASSES, 6, 7)), dtype=torch.float32), torch.tensor(target)


def test_pixels_are_counted_per_photo_and_class(sample_folder: str) -> None:
    split = open_data(DataFolder(str(sample_folder)), tiny_config()).train
    counts = count_pixels(split)
    for index in (0, len(split) - 1):
        labels = np.asarray(split.labels[index])
        assert counts[index].tolist() == [int((labels == label).sum()) for label in range(split.num_classes)]


def test_no_class_weights_by_default() -> None:
    assert class_weights(tiny_config(), PIXELS) is None


def test_inverse_sqrt_weights_have_mean_1_over_the_classes_that_occur() -> None:
    weights = class_weights(tiny_config(class_weights="inverse_sqrt"), PIXELS)
    raw = 1 / np.sqrt([2700 / 3000, 250 / 3000, 50 / 3000])
    assert weights is not None
    assert weights.tolist() == pytest.approx([*(raw / raw.mean()), 1.0], rel=1e-6)


def test_effective_number_weights_count_photos() -> None:
    weights = class_weights(tiny_config(class_weights="effective_number", effective_beta=0.9), PIXELS)
    raw = np.array([(1 - 0.9) / (1 - 0.9**photos) for photos in (3, 2, 1)])
    assert weights is not None
    assert weights.tolist() == pytest.approx([*(raw / raw.mean()), 1.0], rel=1e-6)


@pytest.mark.parametrize("temperature", [0.01, 0.5])
def test_photos_are_drawn_by_daformer_s_formula(temperature: float) -> None:
    frequency = np.array([2700, 250, 50]) / 3000
    p_class = np.exp((1 - frequency) / temperature)
    p_class /= p_class.sum()
    expected = [
        p_class[0] / 3 + p_class[1] / 2,
        p_class[0] / 3 + p_class[1] / 2 + p_class[2],
        p_class[0] / 3,
    ]
    assert photo_probabilities(PIXELS, temperature).tolist() == pytest.approx(expected, rel=1e-9)


def test_a_photo_without_labels_is_never_drawn() -> None:
    assert photo_probabilities(np.array([[5, 1], [0, 0]]), 0.1).tolist() == [1.0, 0.0]


def test_without_any_label_all_photos_are_alike() -> None:
    assert photo_probabilities(np.zeros((4, 3), np.int64), 0.1).tolist() == [0.25] * 4


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_class_weights_are_those_of_torch_s_cross_entropy(smoothing: float) -> None:
    logits, target = batch()
    weights = torch.tensor([0.2, 0.5, 1.0, 3.0, 0.3])
    mix = "soft_ce" if smoothing else "ce"
    found = build_loss(tiny_config(loss_mix=mix, label_smoothing=smoothing), weights)(logits, target)
    expected = functional.cross_entropy(logits, target, weights, ignore_index=255, label_smoothing=smoothing)
    torch.testing.assert_close(found, expected)


def test_class_weights_enter_the_focal_loss() -> None:
    logits, target = batch()
    weights, keep = torch.tensor([0.4, 1.6, 1.0, 2.0, 0.1]), target != 255
    p = logits.softmax(dim=1).permute(0, 2, 3, 1)[keep].gather(1, target[keep][:, None])[:, 0]
    mass = weights[target[keep]]
    expected = (mass * (1 - p) ** 2 * -p.log()).sum() / mass.sum()
    found = build_loss(tiny_config(loss_mix="focal", focal_gamma=2), weights)(logits, target)
    torch.testing.assert_close(found, expected)


def test_an_all_ignored_batch_costs_0_also_with_class_weights() -> None:
    logits, target = batch(ignored=1.1)
    assert float(build_loss(tiny_config(loss_mix="soft_ce"), torch.rand(CLASSES))(logits, target)) == 0
