"""Views are undone exactly, and a network that does not care about them predicts the same with and without."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.tiny import tiny_config, tiny_network
from trashseg_core.errors import BadInput
from trashseg_core.inference.predict import predict_logits
from trashseg_core.inference.tta import TTA_SETS, View, check_tta, scaled_size, tta_logits, usable_sets
from trashseg_core.models import Network

VIEWS = sorted({view._replace(scale=1.0) for views in TTA_SETS.values() for view in views})


@pytest.mark.parametrize("shape", [(4, 4), (5, 5), (3, 8), (7, 1)])
@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_turning_and_mirroring_are_undone_exactly(view: View, shape: tuple[int, int]) -> None:
    images = torch.randn(2, 3, *shape)
    assert torch.equal(view.undo(view.show(images)), images)


@pytest.mark.parametrize("turns", range(4))
def test_turns_are_torch_s(turns: int) -> None:
    images = torch.randn(2, 3, 4, 5)
    assert torch.equal(View(turns=turns).show(images), torch.rot90(images, turns, (-2, -1)))


@pytest.mark.parametrize(("name", "count"), [("none", 1), ("flip", 2), ("flips", 4), ("d4", 8)])
def test_a_set_shows_every_picture_of_its_group_once(name: str, count: int) -> None:
    square = torch.arange(9).view(1, 1, 3, 3)
    assert len({tuple(view.show(square).flatten().tolist()) for view in TTA_SETS[name]}) == count


def test_flips_are_the_horizontal_the_vertical_and_both() -> None:
    square = torch.arange(6).view(1, 1, 2, 3)
    shown = [view.show(square) for view in TTA_SETS["flips"]]
    expected = [square, square.flip(-1), square.flip(-2), square.flip(-1, -2)]
    assert all(torch.equal(*pair) for pair in zip(shown, expected, strict=True))


def test_all_scales_are_multiples_of_the_stride_and_never_nothing() -> None:
    assert [scaled_size(256, scale) for scale in (0.75, 1.0, 1.25)] == [192, 256, 320]
    assert scaled_size(32, 0.25) == 32


def images(size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)


@pytest.fixture
def pointwise() -> Network:
    """A network of 1 x 1 convolutions: turning what it sees turns what it says, and nothing else."""
    torch.manual_seed(0)
    return tiny_network(tiny_config(), 4).eval()


@pytest.mark.parametrize("tta", ["flip", "flips", "d4"])
def test_an_equivariant_network_predicts_the_same_with_and_without(pointwise: Network, tta: str) -> None:
    plain = predict_logits(pointwise, tiny_config(), images()).softmax(dim=1)
    averaged = predict_logits(pointwise, tiny_config(), images(), tta).softmax(dim=1)
    assert torch.allclose(plain, averaged, atol=1e-6)


@pytest.mark.parametrize("tta", ["scales", "flips_scales"])
def test_an_even_photo_looks_the_same_at_all_scales(pointwise: Network, tta: str) -> None:
    even = np.full((1, 64, 64, 3), 77, np.uint8)
    plain = predict_logits(pointwise, tiny_config(), even).softmax(dim=1)
    assert torch.allclose(plain, predict_logits(pointwise, tiny_config(), even, tta).softmax(dim=1), atol=1e-5)


class Recorded(nn.Module):
    """Says something else at every call, and keeps what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []
        self.answers: Iterator[Tensor] = (torch.randn(2, 3, 64, 64) for _ in iter(int, 1))
        self.said: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """Record."""
        self.seen.append(images)
        self.said.append(next(self.answers))
        return self.said[-1]


@pytest.mark.parametrize("tta", ["none", "flip", "flips", "d4"])
def test_the_result_is_the_mean_of_the_views_probabilities(tta: str) -> None:
    network = Recorded()
    batch = torch.from_numpy(images()).permute(0, 3, 1, 2)
    result = tta_logits(network, batch, tta).softmax(dim=1)
    assert all(torch.equal(view.undo(seen), batch) for view, seen in zip(TTA_SETS[tta], network.seen, strict=True))
    parts = [view.undo(said.softmax(dim=1)) for view, said in zip(TTA_SETS[tta], network.said, strict=True)]
    assert torch.allclose(result, torch.stack(parts).mean(dim=0), atol=1e-6)


def test_a_class_of_no_probability_stays_finite() -> None:
    hopeless = torch.tensor([0.0, -1e6]).view(1, 2, 1, 1).expand(1, 2, 32, 32)
    result = tta_logits(lambda _: hopeless, torch.zeros(1, 3, 32, 32), "flip")
    assert result.isfinite().all() and (result.argmax(dim=1) == 0).all()


def test_an_unknown_set_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(BadInput, match="`tta` is 'flipz', but must be one of none, flip, .* Did you mean `flip"):
        check_tta("flipz")


def test_a_network_of_convolutions_takes_every_set() -> None:
    assert usable_sets(tiny_config()) == list(TTA_SETS)


def test_a_network_of_one_size_is_shown_no_other_scale() -> None:
    fixed = tiny_config(encoder_name="tu-vit_tiny_patch16_224", decoder_name="dpt", image_size=224)
    assert usable_sets(fixed) == ["none", "flip", "flips", "d4"]
