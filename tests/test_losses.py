"""Every loss term equals its formula in double precision, and no batch makes it non-finite."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor

from tests.tiny import tiny_config
from trashseg_core.choices import LOSS_PRESETS, LOSS_TERMS
from trashseg_core.losses import build_loss, jensen_shannon

CLASSES = 5
SMOOTHING, GAMMA, ALPHA, BETA = 0.13, 1.7, 0.35, 0.8


def batch(ignored: float = 0.2, classes_in_truth: int = CLASSES) -> tuple[Tensor, Tensor]:
    """Logits (3, 5, 6, 7) and a target with a share of 255."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, classes_in_truth, (3, 6, 7))
    target[rng.random(target.shape) < ignored] = 255
    return torch.tensor(rng.normal(0, 2, (3, CLASSES, 6, 7)), dtype=torch.float32), torch.tensor(target)


def softmax(logits: Tensor) -> np.ndarray:
    powers = np.exp(logits.numpy().astype(np.float64))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def pixels(logits: Tensor, target: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, C) and labels (n,) of the pixels that count."""
    valid = (target != 255).numpy()
    return softmax(logits).transpose(0, 2, 3, 1)[valid], target.numpy()[valid]


def ce(p: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean([-np.log(row[label]) for row, label in zip(p, y, strict=True)]))


def soft_ce(p: np.ndarray, y: np.ndarray) -> float:
    soft = np.full(p.shape, SMOOTHING / CLASSES) + (1 - SMOOTHING) * np.eye(CLASSES)[y]
    return float(np.mean(-(soft * np.log(p)).sum(axis=1)))


def focal(p: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean([-((1 - row[label]) ** GAMMA) * np.log(row[label]) for row, label in zip(p, y, strict=True)]))


def dice_of_classes(p: np.ndarray, y: np.ndarray) -> list[float]:
    losses = []
    for label in range(CLASSES):
        area = (y == label).sum()
        smooth = 1.0 if area else max(len(y) / CLASSES, 1)
        losses.append(1 - (2 * p[y == label, label].sum() + smooth) / (p[:, label].sum() + area + smooth))
    return losses


def tversky_of_classes(p: np.ndarray, y: np.ndarray, alpha: float = ALPHA, beta: float = BETA) -> list[float]:
    losses = []
    for label in range(CLASSES):
        is_label = y == label
        hits, false, missed = p[is_label, label].sum(), p[~is_label, label].sum(), (1 - p[is_label, label]).sum()
        smooth = 0.5 if is_label.any() else max(len(y) / CLASSES, 1) / 2
        losses.append(1 - (hits + smooth) / (hits + alpha * false + beta * missed + smooth))
    return losses


def jaccard_of_classes(p: np.ndarray, y: np.ndarray) -> list[float]:
    return tversky_of_classes(p, y, 1, 1)


def lovasz_of_classes(p: np.ndarray, y: np.ndarray) -> list[float]:
    """Equation 9 term by term: each error times the growth of the Jaccard loss of the set of errors down to it."""
    losses = []
    for label in range(CLASSES):
        truth = y == label
        errors = np.where(truth, 1 - p[:, label], p[:, label])
        wrong, total, before = np.zeros(len(y), bool), 0.0, 0.0
        for index in np.argsort(-errors):
            wrong[index] = True
            loss = wrong.sum() / (truth | wrong).sum()
            total += errors[index] * (loss - before)
            before = loss
        losses.append(total)
    return losses


OVERLAPS = {
    "dice": dice_of_classes,
    "lovasz": lovasz_of_classes,
    "jaccard": jaccard_of_classes,
    "tversky": tversky_of_classes,
}
FORMULAS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "ce": ce,
    "soft_ce": soft_ce,
    "focal": focal,
    **{name: lambda p, y, of=of: float(np.mean(of(p, y))) for name, of in OVERLAPS.items()},
}


def loss_of(**fields: Any) -> Any:
    given = {"label_smoothing": SMOOTHING, "focal_gamma": GAMMA, "tversky_alpha": ALPHA, "tversky_beta": BETA}
    return build_loss(tiny_config(**given, **fields))


def test_there_is_a_formula_for_every_term() -> None:
    assert sorted(FORMULAS) == sorted(LOSS_TERMS)


@pytest.mark.parametrize("classes_in_truth", [CLASSES, 3])
@pytest.mark.parametrize("ignored", [0.0, 0.3])
@pytest.mark.parametrize("name", LOSS_TERMS)
def test_a_term_equals_its_formula(name: str, ignored: float, classes_in_truth: int) -> None:
    logits, target = batch(ignored, classes_in_truth)
    expected = FORMULAS[name](*pixels(logits, target))
    assert float(loss_of(loss_mix=name)(logits, target)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LOSS_PRESETS)
def test_a_preset_is_the_weighted_sum_of_its_terms(name: str) -> None:
    logits, target = batch()
    expected = sum(weight * FORMULAS[term](*pixels(logits, target)) for term, weight in LOSS_PRESETS[name].items())
    assert float(loss_of(loss_mix=name)(logits, target)) == pytest.approx(expected, rel=1e-5)


def test_own_weights_are_normalised() -> None:
    logits, target = batch()
    mix = loss_of(loss_mix="weights", loss_ce=1, loss_dice=3)(logits, target)
    expected = 0.25 * ce(*pixels(logits, target)) + 0.75 * FORMULAS["dice"](*pixels(logits, target))
    assert float(mix) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LOSS_PRESETS)
def test_logits_of_ignored_pixels_do_not_matter(name: str) -> None:
    logits, target = batch()
    other = torch.where((target == 255)[:, None], 30 * torch.randn_like(logits), logits)
    assert torch.equal(loss_of(loss_mix=name)(logits, target), loss_of(loss_mix=name)(other, target))


@pytest.mark.parametrize("name", LOSS_PRESETS)
def test_ignored_pixels_get_no_gradient(name: str) -> None:
    logits, target = batch()
    logits.requires_grad_()
    loss_of(loss_mix=name)(logits, target).backward()
    assert logits.grad is not None
    inside = (target == 255)[:, None].expand_as(logits)
    assert (logits.grad[inside] == 0).all() and (logits.grad[~inside] != 0).any()


@pytest.mark.parametrize("name", LOSS_PRESETS)
def test_an_all_ignored_batch_costs_0_with_zero_gradient(name: str) -> None:
    logits, target = batch(ignored=1.1)
    logits.requires_grad_()
    value = loss_of(loss_mix=name)(logits, target)
    value.backward()
    assert logits.grad is not None
    assert (float(value.detach()), float(logits.grad.abs().max())) == (0.0, 0.0)


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
def test_focal_has_a_finite_gradient_where_a_pixel_is_certain(gamma: float) -> None:
    logits, target = batch()
    logits = (logits * 1000).requires_grad_()
    build_loss(tiny_config(loss_mix="focal", focal_gamma=gamma))(logits, target).backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", LOSS_PRESETS)
def test_extreme_logits_give_a_finite_loss_and_gradient(name: str) -> None:
    logits, target = batch()
    logits = (logits * 1e6).requires_grad_()
    value = loss_of(loss_mix=name)(logits, target)
    value.backward()
    assert logits.grad is not None
    assert torch.isfinite(value) and torch.isfinite(logits.grad).all()


def test_gamma_0_makes_focal_cross_entropy() -> None:
    logits, target = batch()
    focal_0 = build_loss(tiny_config(loss_mix="focal", focal_gamma=0))(logits, target)
    assert float(focal_0) == pytest.approx(ce(*pixels(logits, target)), rel=1e-5)


def with_false_positives(name: str, absent_classes: str) -> tuple[float, Tensor]:
    """What the false positives of a class that the batch lacks add to the loss, and the gradient at its logits."""
    loss = loss_of(loss_mix=name, absent_classes=absent_classes)
    target = torch.arange(3).repeat(14)[None].view(1, 6, 7)
    logits = torch.zeros(1, CLASSES, 6, 7).scatter_(1, target[:, None], 5.0)
    logits[:, 4] = -20
    before = loss(logits, target)
    logits[0, 4, 0] = 1
    logits.requires_grad_()
    after = loss(logits, target)
    after.backward()
    assert logits.grad is not None
    return float(after.detach() - before), logits.grad[0, 4, 0]


@pytest.mark.parametrize("name", OVERLAPS)
def test_false_positives_of_a_class_that_is_absent_from_the_batch_cost(name: str) -> None:
    counted, pull = with_false_positives(name, "count")
    skipped, _ = with_false_positives(name, "skip")
    assert counted > 1.2 * skipped
    assert float(pull.max()) > 0


@pytest.mark.parametrize("name", OVERLAPS)
def test_skipping_absent_classes_is_the_mean_over_those_present(name: str) -> None:
    logits, target = batch(classes_in_truth=3)
    expected = np.mean(OVERLAPS[name](*pixels(logits, target))[:3])
    found = loss_of(loss_mix=name, absent_classes="skip")(logits, target)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", OVERLAPS)
def test_a_perfect_prediction_costs_nothing(name: str) -> None:
    _, target = batch(ignored=0)
    logits = 50 * torch.nn.functional.one_hot(target, CLASSES).permute(0, 3, 1, 2).float()
    assert float(loss_of(loss_mix=name)(logits, target)) == pytest.approx(0, abs=1e-6)


def test_lovasz_over_the_classes_present_is_smp_s() -> None:
    logits, target = batch(classes_in_truth=3)
    expected = smp.losses.LovaszLoss("multiclass", ignore_index=255)(logits, target)
    torch.testing.assert_close(loss_of(loss_mix="lovasz", absent_classes="skip")(logits, target), expected)


def test_jensen_shannon_is_the_mean_divergence_from_the_mixture() -> None:
    logits, target = batch()
    views = [logits, torch.randn_like(logits), torch.randn_like(logits)]
    ps = [pixels(view, target)[0] for view in views]
    mixture = np.mean(ps, axis=0)
    expected = np.mean([(p * (np.log(p) - np.log(mixture))).sum(axis=1).mean() for p in ps])
    assert float(jensen_shannon(views, target)) == pytest.approx(expected, rel=1e-4)
    assert float(jensen_shannon([logits, logits, logits], target)) == pytest.approx(0, abs=1e-6)


def test_half_precision_logits_are_computed_in_single_precision() -> None:
    logits, target = batch()
    half = logits.bfloat16()
    assert torch.equal(loss_of(loss_mix="dice_ce")(half, target), loss_of(loss_mix="dice_ce")(half.float(), target))
