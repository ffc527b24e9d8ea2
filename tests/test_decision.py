"""Labels are the argmax of log(weighted mean of probabilities) + offset, whatever the weights are."""

import numpy as np
import pytest

from trashseg_core.inference.crf import dense_crf
from trashseg_core.inference.crf_settings import CrfSettings
from trashseg_core.inference.decision import CHUNK_PX, Decision

RGB = np.random.default_rng(1).integers(0, 256, (90, 110, 3), dtype=np.uint8)
assert RGB[..., 0].size > CHUNK_PX


def logits(num_members: int = 3, num_classes: int = 4, scale: float = 3.0) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [(scale * rng.normal(size=(num_classes, *RGB.shape[:2]))).astype(np.float32) for _ in range(num_members)]


def softmax(one: np.ndarray) -> np.ndarray:
    exponents = np.exp(one.astype(np.float64) - one.max(axis=0))
    return exponents / exponents.sum(axis=0)


def by_definition(decision: Decision, members: list[np.ndarray]) -> np.ndarray:
    """log(sum of w p) + offset in float64."""
    mean = sum(weights[:, None, None] * softmax(one) for weights, one in zip(decision.weights, members, strict=True))
    return np.log(mean) + decision.offsets[:, None, None]


def shares(per_class: bool) -> np.ndarray:
    drawn = np.random.default_rng(2).dirichlet(np.ones(3), 4 if per_class else 1).T
    return np.broadcast_to(drawn, (3, 4)).astype(np.float32)


OFFSETS = {"no offsets": np.zeros(4, np.float32), "offsets": np.array([-1.5, 0.3, 2.0, 0.0], np.float32)}


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("offsets", OFFSETS)
def test_labels_are_those_of_the_formula(per_class: bool, offsets: str) -> None:
    decision = Decision(shares(per_class), OFFSETS[offsets])
    assert np.array_equal(decision.labels(RGB, logits()), by_definition(decision, logits()).argmax(axis=0))


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("offsets", OFFSETS)
def test_probabilities_are_those_of_the_formula_and_sum_to_1(per_class: bool, offsets: str) -> None:
    decision = Decision(shares(per_class), OFFSETS[offsets])
    expected = softmax(by_definition(decision, logits()))
    np.testing.assert_allclose(decision.probabilities(RGB, logits()), expected, atol=1e-6)


def test_probabilities_are_averaged_not_logits_or_votes() -> None:
    sure, one, other = ([4.0, 0.0, 0.0], [0.0, 1.0, 0.9], [0.0, 0.9, 1.0])
    members = [np.array(values, np.float32)[:, None, None] for values in (sure, one, other)]
    decision = Decision(np.repeat(np.array([[0.4], [0.3], [0.3]], np.float32), 3, axis=1), np.zeros(3, np.float32))
    mean = sum(weight * softmax(member)[:, 0, 0] for weight, member in zip((0.4, 0.3, 0.3), members, strict=True))
    np.testing.assert_allclose(decision.probabilities(RGB[:1, :1], members)[:, 0, 0], mean, atol=1e-6)


def test_logits_of_any_size_give_finite_probabilities() -> None:
    decision = Decision(shares(False), OFFSETS["offsets"])
    probabilities = decision.probabilities(RGB, logits(scale=1e4))
    assert np.isfinite(probabilities).all() and (probabilities.sum(axis=0) > 0.999).all()


def test_ties_go_to_the_lower_label() -> None:
    even = [np.zeros((4, 1, 1), np.float32)] * 3
    assert Decision(shares(False), OFFSETS["no offsets"]).labels(RGB[:1, :1], even).tolist() == [[0]]


def test_the_members_logits_are_left_as_they_are() -> None:
    given, before = logits(), logits()
    Decision(shares(True), OFFSETS["offsets"]).labels(RGB, given)
    assert all(np.array_equal(*pair) for pair in zip(given, before, strict=True))


def test_a_crf_sees_the_photo_itself_and_the_probabilities_after_the_offsets() -> None:
    settings = CrfSettings(iterations=2)
    before, after = (Decision(shares(True), OFFSETS["offsets"], crf) for crf in (None, settings))
    refined = dense_crf(RGB, before.probabilities(RGB, logits()), settings)
    assert np.array_equal(after.probabilities(RGB, logits()), refined)
    assert np.array_equal(after.labels(RGB, logits()), refined.argmax(axis=0))
    assert not np.array_equal(after.labels(RGB, logits()), before.labels(RGB, logits()))


@pytest.mark.parametrize("crf", [None, CrfSettings(iterations=2)], ids=["plain", "CRF"])
def test_where_no_member_is_heard_every_class_is_as_probable(crf: CrfSettings | None) -> None:
    """Each class listens to the one member that is sure of the other: all scores are 0."""
    sure, other = (np.zeros((2, 4, 4), np.float32) for _ in range(2))
    sure[0], other[1] = 500, 500
    sure[:, 3], other[:, 3] = 0, 0
    decision = Decision(np.array([[0, 1], [1, 0]], np.float32), np.zeros(2, np.float32), crf)
    probabilities = decision.probabilities(RGB[:4, :4], [sure, other])
    np.testing.assert_allclose(probabilities, 0.5, atol=1e-6)
    assert not decision.labels(RGB[:4, :4], [sure, other]).any()
