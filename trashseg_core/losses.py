"""The loss of one trial: a convex mix of segmentation losses."""

from collections.abc import Callable

import torch
import torch.nn.functional as functional
from torch import Tensor

from trashseg_core.config import TrialConfig
from trashseg_core.data.label_maps import IGNORED

Loss = Callable[[Tensor, Tensor], Tensor]


def build_loss(config: TrialConfig) -> Loss:
    """Create the mix that `config.loss_weights` describes.

    Returns:
        A callable (logits (B, C, H, W) float, target (B, H, W) int64, 255 = ignored) -> scalar.
        It is finite for every finite input, and 0 with zero gradient where all pixels are ignored.
    """
    weights = config.loss_weights
    terms = {name: _build_term(name, config) for name in weights}

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        logits = logits.float()
        valid = target != IGNORED
        target = target.where(valid, 0)
        log_probabilities = functional.log_softmax(logits, dim=1)
        values = [weight * terms[name](log_probabilities, target, valid) for name, weight in weights.items()]
        return torch.stack(values).sum()

    return loss


Term = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(log-probabilities (B, C, H, W), target without 255 (B, H, W), valid bool (B, H, W)) -> scalar."""


def _build_term(name: str, config: TrialConfig) -> Term:
    match name:
        case "ce":
            return lambda log_p, target, valid: _pixel_mean(_nll(log_p, target), valid)
        case "soft_ce":
            return _soft_cross_entropy(config.label_smoothing)
        case "focal":
            return _focal(config.focal_gamma)
        case "dice":
            return dice
        case _:
            raise AssertionError(name)


def _nll(log_p: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood of each pixel, (B, H, W)."""
    return functional.nll_loss(log_p, target, reduction="none")


def _pixel_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the valid pixels; 0 where there are none."""
    return (values * valid).sum() / valid.sum().clamp(min=1)


def _soft_cross_entropy(smoothing: float) -> Term:
    """Cross-entropy against (1 - s) · one-hot + s / C (Szegedy et al. 2016, arXiv 1512.00567, section 7)."""

    def term(log_p: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        uniform = -log_p.mean(dim=1)
        return _pixel_mean((1 - smoothing) * _nll(log_p, target) + smoothing * uniform, valid)

    return term


def _focal(gamma: float) -> Term:
    """(1 - p)^γ · cross-entropy (Lin et al. 2017, arXiv 1708.02002, equation 4), mean over the valid pixels."""

    def term(log_p: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        nll = _nll(log_p, target)
        p = torch.exp(-nll)
        return _pixel_mean((1 - p).clamp(min=0) ** gamma * nll, valid)

    return term


def dice(log_p: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """1 - mean over classes of (2·Σpy + s) / (Σp + Σy + s), sums over the batch (Milletari et al., arXiv 1606.04797).

    s is 1 pixel for a class in the batch's truth. A class that is absent still counts, so that its false positives
    cost (smp's DiceLoss drops it): there the term is Σp / (Σp + s) with s = valid pixels / C, which pulls as hard as
    on a class of average size and not harder, lest batches without rare objects teach that they do not exist.
    An all-ignored batch is 0.
    """
    keep = valid.unsqueeze(1)
    p = log_p.exp() * keep
    truth = torch.zeros_like(p).scatter_(1, target.unsqueeze(1), 1.0) * keep
    overlap, area, mass = (p * truth).sum(dim=(0, 2, 3)), truth.sum(dim=(0, 2, 3)), p.sum(dim=(0, 2, 3))
    smooth = torch.where(area > 0, torch.ones_like(area), (valid.sum() / p.shape[1]).clamp(min=1))
    return (1 - (2 * overlap + smooth) / (area + mass + smooth)).mean()
