"""The forecast for a leaderboard: its rows, its pair to hand in, and what more labels may add."""

import json

import numpy as np
import pytest

from trashseg_core.confusion import iou, miou
from trashseg_core.stability.final_pair import choose_pair
from trashseg_core.stability.forecast import Stability, foretell
from trashseg_core.stability.label_gain import label_gain

NAMES = ["Background", "paper", "metal", "battery", "glass"]


def made_confusions(models: int = 4, photos: int = 60) -> dict[str, np.ndarray]:
    """Matrices of models of rising skill; the battery is in 5 photos, and only there do models differ much."""
    rng = np.random.default_rng(0)
    shown = rng.random((photos, 5)) < [1, 0.6, 0.5, 0, 0.4]
    shown[:5, 3] = True
    confusions = {}
    for number in range(models):
        found = rng.integers(70, 80, (photos, 5))
        found[:, 3] = rng.integers(0, 100, photos)
        counts = np.zeros((photos, 5, 5), np.int64)
        counts[:, range(5), range(5)] = found + number
        counts[:, :, 0] += 100 - found
        confusions[f"model {number}"] = counts * shown[:, :, None]
    return confusions


@pytest.fixture(scope="module")
def confusions() -> dict[str, np.ndarray]:
    return made_confusions()


@pytest.fixture(scope="module")
def stability(confusions: dict[str, np.ndarray]) -> Stability:
    return foretell(confusions, NAMES, test_size=80, train_objects=np.array([0, 400, 300, 10, 200]))


def test_models_stand_best_first_with_their_scores(stability: Stability, confusions: dict[str, np.ndarray]) -> None:
    scores = [one.miou for one in stability.models]
    assert scores == sorted(scores, reverse=True)
    for one in stability.models:
        total = confusions[one.name].sum(axis=0)
        assert one.miou == pytest.approx(miou(total))
        assert one.iou == pytest.approx(iou(total).tolist())
        assert one.test_interval[0] < one.interval[0] < one.miou < one.interval[1] < one.test_interval[1]


def test_the_class_that_differs_by_luck_is_the_main_cause(stability: Stability) -> None:
    shares = {cause.name: cause.share for cause in stability.causes}
    assert shares["battery"] is not None and shares["battery"] > 0.8
    assert sum(share or 0 for share in shares.values()) == pytest.approx(1)
    assert {cause.name: cause.photos for cause in stability.causes}["battery"] == 5


def test_dealing_the_rare_class_evenly_calms_the_board(stability: Stability) -> None:
    assert stability.spearman is not None and stability.spearman_stratified is not None
    assert stability.spearman_stratified > stability.spearman[0]


def test_the_document_is_json_without_nan(stability: Stability) -> None:
    text = json.dumps(stability.to_json(), allow_nan=False)
    assert json.loads(text)["pair"]["safe"].startswith("model ")


def test_the_same_models_get_the_same_forecast(confusions: dict[str, np.ndarray], stability: Stability) -> None:
    again = foretell(dict(reversed(confusions.items())), NAMES, 80, np.array([0, 400, 300, 10, 200]))
    assert again == stability


def test_one_model_has_an_interval_but_nobody_to_swap_with(confusions: dict[str, np.ndarray]) -> None:
    alone = foretell({"only": confusions["model 0"]}, NAMES)
    assert (alone.test_size, alone.spearman, alone.pair["safe"], alone.pair["bold"]) == (60, None, "only", None)
    assert alone.flips == [[0.0]] and {cause.share for cause in alone.causes} == {None}
    json.dumps(alone.to_json(), allow_nan=False)


def test_a_single_photo_is_enough_to_answer(confusions: dict[str, np.ndarray]) -> None:
    one = foretell({name: counts[:1] for name, counts in confusions.items()}, NAMES)
    json.dumps(one.to_json(), allow_nan=False)
    assert one.test_size == 2


def test_the_bold_one_is_good_where_the_safe_one_is_bad() -> None:
    luck = np.random.default_rng(0).normal(size=1000)
    safe = 0.70 + 0.01 * luck
    private = np.stack([safe, safe - 0.001, 0.69 - 0.03 * luck], axis=1)
    pair = choose_pair(private)
    assert (pair.safe, pair.bold) == (0, 2)
    assert pair.expected_best == pytest.approx(np.maximum(private[:, 0], private[:, 2]).mean())
    assert pair.expected_best > pair.expected_safe + 0.005 and 0.2 < pair.bold_wins < 0.6


def test_twice_the_objects_gain_what_the_curve_through_the_classes_says() -> None:
    objects = np.array([0, 10, 20, 40, 80, 160])
    logit = 0.5 * np.log2(np.maximum(objects, 1)) - 2
    gain = label_gain(1 / (1 + np.exp(-logit)), objects)
    assert gain is not None
    assert gain.slope == pytest.approx((0.5, 0.5, 0.5)) and gain.explained == pytest.approx(1)
    expected = (1 / (1 + np.exp(-logit[1] - 0.5)) - 1 / (1 + np.exp(-logit[1]))) / 6
    assert gain.gain[1] == pytest.approx([expected] * 3)


def test_classes_off_the_curve_widen_the_interval() -> None:
    gain = label_gain(np.array([0.9, 0.5, 0.2, 0.8, 0.4, 0.7]), np.array([0, 10, 20, 40, 80, 160]))
    assert gain is not None and gain.slope[0] < 0 < gain.slope[2]
    assert (gain.gain[1:, 0] < 0).all() and (gain.gain[1:, 2] > 0).all()


@pytest.mark.parametrize("objects", [[0, 5, 5, 5, 5, 5], [0, 5, 6, 7, 0, 0]], ids=["equal", "three classes"])
def test_too_little_to_fit_a_curve_is_no_answer(objects: list[int]) -> None:
    assert label_gain(np.array([0.9, 0.5, 0.2, 0.8, 0.4, 0.7]), np.array(objects)) is None
