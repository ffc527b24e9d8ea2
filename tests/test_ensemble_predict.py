"""An ensemble predicts every photo once and in order, with each member's size, views and weight."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.tiny import tiny_config, tiny_network, write_folder, write_photo
from trashseg_core.data.photos import read_photo
from trashseg_core.data.resize import fit_photo, fitted_size
from trashseg_core.ensemble.loading import LoadedEnsemble, LoadedMember
from trashseg_core.errors import BadInput
from trashseg_core.inference import ensemble_predict
from trashseg_core.inference.decision import Decision
from trashseg_core.inference.ensemble_predict import predict_photos
from trashseg_core.inference.predict import predict_logits, to_native
from trashseg_core.models import Network

WEIGHTS, SIZES = (0.75, 0.25), (64, 96)


def network(seed: int) -> Network:
    """A network with a view of its own on left and right, and of random weights."""
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
    return Network(layers, (0.5, 0.5, 0.5), (0.1, 0.1, 0.1)).eval()


def make(ttas: tuple[str, str] = ("none", "none"), offsets: tuple[float, ...] = (0, 0, 0)) -> LoadedEnsemble:
    members = [
        LoadedMember(network(seed), tiny_config(image_size=size), tta)
        for seed, (size, tta) in enumerate(zip(SIZES, ttas, strict=True))
    ]
    weights = np.repeat(np.array(WEIGHTS, np.float32)[:, None], 3, axis=1)
    return LoadedEnsemble(members, Decision(weights, np.array(offsets, np.float32)))


def alone(member: LoadedMember, rgb: np.ndarray) -> Tensor:
    """One member's probabilities for one photo alone, by the definition."""
    size = (rgb.shape[0], rgb.shape[1])
    logits = predict_logits(member.network, member.config, fit_photo(rgb, member.config.image_size)[None], member.tta)
    return to_native(logits[0], fitted_size(*size, member.config.image_size), size).softmax(dim=0)


@pytest.fixture
def photos(tmp_path: Path) -> list[tuple[Path, None]]:
    """Seven photos of different sizes."""
    write_folder(tmp_path, {"test": [(20 + 9 * number, 30) for number in range(7)]})
    return [(tmp_path / f"test/{number}.png", None) for number in range(7)]


@pytest.mark.parametrize("ttas", [("none", "none"), ("flip", "d4")])
def test_the_mean_is_weighted_over_members_of_different_sizes_and_views(photos: Any, ttas: tuple[str, str]) -> None:
    loaded = make(ttas)
    for (path, _), prediction in zip(photos, predict_photos(loaded, photos, with_probabilities=True), strict=True):
        first, second = (alone(member, read_photo(path)) for member in loaded.members)
        assert not torch.allclose(first, second, atol=1e-3)
        np.testing.assert_allclose(prediction.probabilities, 0.75 * first + 0.25 * second, atol=1e-5)
        assert np.array_equal(prediction.labels, prediction.probabilities.argmax(axis=0))


def test_where_members_vote_evenly_their_probabilities_decide_not_which_one_stands_first(photos: Any) -> None:
    members, even = make().members, Decision(np.full((2, 3), 0.5, np.float32), np.zeros(3, np.float32))
    orders = [LoadedEnsemble(list(order), even) for order in (members, reversed(members))]
    decided = set()
    for (path, _), one, other in zip(photos, *(predict_photos(order, photos) for order in orders), strict=True):
        assert np.array_equal(one.labels, other.labels)
        votes = [alone(member, read_photo(path)).argmax(dim=0).numpy() for member in members]
        split = votes[0] != votes[1]
        decided |= {number for number in (0, 1) if (one.labels == votes[number])[split].any()}
    assert decided == {0, 1}, "each of the two prevails somewhere"


def test_the_views_of_a_member_count(photos: Any) -> None:
    plain, turned = (predict_photos(make((tta, tta)), photos, with_probabilities=True) for tta in ("none", "flips"))
    assert not np.allclose(next(plain).probabilities, next(turned).probabilities, atol=1e-3)


def test_labels_alone_are_those_of_the_probabilities(photos: Any) -> None:
    loaded = make(offsets=(0.5, -0.5, 0.0))
    both = zip(predict_photos(loaded, photos), predict_photos(loaded, photos, with_probabilities=True), strict=True)
    for alone_, with_probabilities in both:
        assert alone_.probabilities is None
        assert np.array_equal(alone_.labels, with_probabilities.labels)


def test_an_offset_gives_a_class_pixels(photos: Any) -> None:
    plain, pushed = (next(predict_photos(make(offsets=(0, 0, one)), photos)).labels for one in (0.0, 50.0))
    assert (plain != 2).any() and (pushed == 2).all()


@pytest.mark.parametrize("batch", [1, 3, 7, 8])
def test_photos_are_predicted_in_order_each_once_whatever_the_batch(
    photos: Any, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensemble_predict, "BATCH", batch)
    predicted = list(predict_photos(make(), photos))
    assert [one.labels.shape for one in predicted] == [(20 + 9 * number, 30) for number in range(7)]
    assert all(np.array_equal(one.rgb, read_photo(path)) for one, (path, _) in zip(predicted, photos, strict=True))


def test_a_photo_that_cannot_be_read_is_named_after_the_ones_before_it(
    photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensemble_predict, "BATCH", 2)
    photos[4][0].write_bytes(b"no picture")
    predicted = predict_photos(make(), photos)
    assert len([next(predicted) for _ in range(4)]) == 4
    with pytest.raises(BadInput, match="4.png: cannot be decoded"):
        next(predicted)


def test_nobody_reads_far_ahead_of_a_slow_taker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays flat in the number of photos: those not taken yet are not read yet."""
    write_photo(tmp_path / "a.png")
    count, read = 40, list[Path]()
    monkeypatch.setattr(ensemble_predict, "BATCH", 2)
    monkeypatch.setattr(ensemble_predict, "read_photo", lambda path, *_: read.append(path) or read_photo(path))
    predicted = predict_photos(make(), [(tmp_path / "a.png", None)] * count)
    for taken in range(1, 11):
        next(predicted)
        time.sleep(0.02)
        assert len(read) <= taken + 4


def test_no_thread_is_left_behind_when_the_taker_stops(photos: Any) -> None:
    before = threading.active_count()
    predicted = predict_photos(make(), photos)
    next(predicted)
    predicted.close()
    assert threading.active_count() == before


def test_the_networks_run_while_the_taker_works(photos: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble_predict, "BATCH", 1)
    calls: list[int] = []
    watched: Callable[..., Tensor] = predict_logits
    monkeypatch.setattr(ensemble_predict, "predict_logits", lambda *given: calls.append(1) or watched(*given))
    predicted = predict_photos(make(), photos)
    next(predicted)
    deadline = time.monotonic() + 10
    while len(calls) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(calls) == 4  # both members over the photo taken, and over the next one


def test_dropout_and_batchnorm_are_off(photos: Any) -> None:
    config = tiny_config(image_size=32)
    decision = Decision(np.ones((1, 3), np.float32), np.zeros(3, np.float32))
    loaded = LoadedEnsemble([LoadedMember(tiny_network(config, 3).train(), config)], decision)
    first, again = (next(predict_photos(loaded, photos, with_probabilities=True)) for _ in range(2))
    assert np.array_equal(first.probabilities, again.probabilities)
