"""The auxiliary loss on the classes that a photo shows: weighed as configured, blind to ignored pixels."""

from typing import cast

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from tests.tiny import tiny_config
from trashseg_core.training.epoch import Parts, _classes_shown, _loss
from trashseg_core.training.ranks import ALONE


class Fixed:
    """Stands in for the network: the same logits for every batch."""

    logits, presence = torch.zeros(2, 3, 4, 4), torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])

    def with_presence(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.logits, self.presence


def target() -> Tensor:
    """The first photo shows classes 0 and 2, the second one class 1 beside ignored pixels."""
    labels = torch.zeros(2, 4, 4, dtype=torch.long)
    labels[0, 0, 0], labels[1] = 2, 255
    labels[1, 0, 0] = 1
    return labels


def test_a_class_is_shown_by_a_pixel_and_never_by_ignored_ones() -> None:
    assert _classes_shown(target(), 3).tolist() == [[1, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize("weight", [0.3, 2.0])
def test_the_loss_on_presence_is_cross_entropy_per_class_times_its_weight(weight: float) -> None:
    fixed = {"network": Fixed(), "ranks": ALONE, "teacher": None, "loss": lambda self, logits, labels: logits.sum()}
    parts = cast(Parts, type("FixedParts", (), fixed)())
    value = _loss(tiny_config(presence_weight=weight), parts, torch.zeros(2, 3, 4, 4), target(), None)
    shown = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    expected = weight * functional.binary_cross_entropy(Fixed.presence.sigmoid(), shown)
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
