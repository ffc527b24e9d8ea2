"""The loss of one trial: a convex mix of segmentation losses."""

from collections.abc import Callable

import torch
import torch.nn.functional as functional
from torch import Tensor

from trashseg_core.config import TrialConfig
from trashseg_core.data.label_maps import IGNORED

Loss = Callable[[Tensor, Tensor], Tensor]
Term = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(log-probabilities (B, C, H, W), target without 255 (B, H, W), valid bool (B, H, W)) -> scalar."""


def build_loss(config: TrialConfig, class_weights: Tensor | None = None) -> Loss:
    """Create the mix that `config.loss_weights` describes.

    Args:
        class_weights: weight of each class in ce, soft_ce and focal, float (C,), mean 1; None = all alike.

    Returns:
        A callable (logits (B, C, H, W) float, target (B, H, W) int64, 255 = ignored) -> scalar.
        It is finite for every finite input, and 0 with zero gradient where all pixels are ignored.
    """
    weights = config.loss_weights
    terms = {name: _build_term(name, config, class_weights) for name in weights}

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        valid = target != IGNORED
        target = target.where(valid, 0)
        log_probabilities = functional.log_softmax(logits.float(), dim=1)
        values = [weight * terms[name](log_probabilities, target, valid) for name, weight in weights.items()]
        return torch.stack(values).sum()

    return loss


def _build_term(name: str, config: TrialConfig, class_weights: Tensor | None) -> Term:
    skip = config.absent_classes == "skip"
    match name:
        case "ce":
            return _cross_entropy(0.0, class_weights)
        case "soft_ce":
            return _cross_entropy(config.label_smoothing, class_weights)
        case "focal":
            return _focal(config.focal_gamma, class_weights)
        case "dice":
            return _overlap(0.5, 0.5, skip)
        case "jaccard":
            return _overlap(1.0, 1.0, skip)
        case "tversky":
            return _overlap(config.tversky_alpha, config.tversky_beta, skip)
        case "lovasz":
            return _lovasz(skip)
        case _:
            raise AssertionError(name)


def _nll(log_p: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood of each pixel, (B, H, W)."""
    return functional.nll_loss(log_p, target, reduction="none")


def _pixel_mean(values: Tensor, target: Tensor, valid: Tensor, class_weights: Tensor | None) -> Tensor:
    """Mean over the valid pixels, each weighted by its class as in torch's cross_entropy; 0 where there are none.

    Args:
        values: loss of each pixel, its weight applied already.
    """
    if class_weights is None:
        return (values * valid).sum() / valid.sum().clamp(min=1)
    mass = (class_weights.to(values.device)[target] * valid).sum()
    return (values * valid).sum() / mass.where(mass > 0, 1.0)


def _weigh(values: Tensor, target: Tensor, class_weights: Tensor | None) -> Tensor:
    return values if class_weights is None else values * class_weights.to(values.device)[target]


def _cross_entropy(smoothing: float, class_weights: Tensor | None) -> Term:
    """Cross-entropy against (1 - s) · one-hot + s / C (Szegedy et al. 2016, arXiv 1512.00567, section 7)."""

    def term(log_p: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        values = _weigh(_nll(log_p, target), target, class_weights)
        if smoothing:
            uniform = -log_p if class_weights is None else -log_p * class_weights.to(log_p.device).view(1, -1, 1, 1)
            values = (1 - smoothing) * values + smoothing * uniform.mean(dim=1)
        return _pixel_mean(values, target, valid, class_weights)

    return term


def _focal(gamma: float, class_weights: Tensor | None) -> Term:
    """(1 - p)^γ · cross-entropy (Lin et al. 2017, arXiv 1708.02002, equation 4), mean over the valid pixels."""

    def term(log_p: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        nll = _nll(log_p, target)
        values = (1 - torch.exp(-nll)).clamp(min=0) ** gamma * nll
        return _pixel_mean(_weigh(values, target, class_weights), target, valid, class_weights)

    return term


def _overlap(alpha: float, beta: float, skip_absent: bool) -> Term:
    """1 - mean over classes of the Tversky index, sums over the batch (Salehi et al. 2017, arXiv 1706.05721).

    The index is (TP + h) / (TP + α·FP + β·FN + h): Dice at α = β = 1/2 (Milletari et al., arXiv 1606.04797), Jaccard
    at 1. h is half a pixel for a class in the batch's truth. A class that is absent either does not count, as in smp
    (`skip_absent`), so that its false positives are free; or it counts, with the term h / (α·Σp + h) and h = half of
    valid pixels / C, which pulls as hard as on a class of average size and not harder, lest batches without rare
    objects teach that they do not exist. An all-ignored batch is 0.
    """

    def term(log_p: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        p, truth = _probabilities_and_truth(log_p, target, valid)
        hits, area, mass = (p * truth).sum(dim=(0, 2, 3)), truth.sum(dim=(0, 2, 3)), p.sum(dim=(0, 2, 3))
        absent = (valid.sum() / p.shape[1]).clamp(min=1)
        smooth = 0.5 * torch.where(area > 0, torch.ones_like(area), absent)
        index = (hits + smooth) / (hits + alpha * (mass - hits) + beta * (area - hits) + smooth)
        return _class_mean(1 - index, area > 0, skip_absent)

    return term


def _lovasz(skip_absent: bool) -> Term:
    """Lovász-softmax over the whole batch (Berman et al. 2018, arXiv 1705.08790, equations 9 and 11).

    Ignored pixels have error 0, which adds nothing. For an absent class that counts the term is its highest
    probability.
    """

    def term(log_p: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        p, truth = _probabilities_and_truth(log_p, target, valid)
        errors = (truth - p).abs().transpose(0, 1).flatten(1)  # (C, B · H · W)
        errors, order = errors.sort(dim=1, descending=True)
        found = truth.transpose(0, 1).flatten(1).gather(1, order)
        area = found.sum(dim=1, keepdim=True)
        union = area + (1 - found).cumsum(dim=1)
        jaccard = 1 - (area - found.cumsum(dim=1)) / union.clamp(min=1)
        steps = torch.cat([jaccard[:, :1], jaccard[:, 1:] - jaccard[:, :-1]], dim=1)
        return _class_mean((errors * steps).sum(dim=1), area[:, 0] > 0, skip_absent)

    return term


def _probabilities_and_truth(log_p: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities and one-hot truth, both (B, C, H, W) and 0 at ignored pixels."""
    keep = valid.unsqueeze(1)
    p = log_p.exp() * keep
    return p, torch.zeros_like(p).scatter_(1, target.unsqueeze(1), 1.0) * keep


def _class_mean(values: Tensor, present: Tensor, skip_absent: bool) -> Tensor:
    """Mean over all classes or over those present, (C,) -> scalar."""
    if not skip_absent:
        return values.mean()
    return (values * present).sum() / present.sum().clamp(min=1)


def jensen_shannon(views: list[Tensor], target: Tensor) -> Tensor:
    """Jensen-Shannon divergence between predictions of the same pixels (Hendrycks et al., arXiv 1912.02781, eq. 3).

    Args:
        views: logits (B, C, H, W) of each view.
        target: int64 (B, H, W); pixels of 255 do not count.

    Returns:
        Scalar in nats, mean over the valid pixels.
    """
    log_ps = [functional.log_softmax(logits.float(), dim=1) for logits in views]
    mixture = torch.stack([log_p.exp() for log_p in log_ps]).mean(dim=0).clamp(min=1e-7).log()
    divergence = sum(((log_p.exp() * (log_p - mixture)).sum(dim=1) for log_p in log_ps), torch.zeros(()).to(mixture))
    return _pixel_mean(divergence / len(views), target, target != IGNORED, None)
