"""Learning-rate schedules: pure functions of progress in [0, 1)."""

import math

from trashseg_core.config import TrialConfig

MIN_LR_FACTOR = 0.01
"""Where cosine and poly end, relative to the peak; also the least factor of a warm-up."""
ONE_CYCLE_START, ONE_CYCLE_END = 1 / 25, 1e-4 / 25
"""Ends of the one-cycle schedule relative to its peak, as torch's OneCycleLR has them."""


def lr_factor(config: TrialConfig, progress: float) -> float:
    """Learning rate relative to its peak.

    After a linear warm-up over `config.warmup`: `cosine` half a cosine (Loshchilov & Hutter, arXiv 1608.03983), `poly`
    (1 - p)^poly_power (DeepLab, arXiv 1606.00915), `constant`. `one_cycle` rises and falls by cosines, the rise over
    `config.warmup` from a 25th of the peak (Smith & Topin, arXiv 1708.07120; torch's OneCycleLR).

    Args:
        progress: share of the full training that is done, in [0, 1).

    Returns:
        A factor above 0, at most 1.
    """
    warmup = config.warmup
    rising = progress < warmup
    share = progress / warmup if rising else (progress - warmup) / (1 - warmup)
    if config.schedule == "one_cycle":
        return _cosine(ONE_CYCLE_START, 1.0, share) if rising else _cosine(1.0, ONE_CYCLE_END, share)
    if rising:
        return max(MIN_LR_FACTOR, share)
    match config.schedule:
        case "cosine":
            return _cosine(1.0, MIN_LR_FACTOR, share)
        case "poly":
            return MIN_LR_FACTOR + (1 - MIN_LR_FACTOR) * (1 - share) ** config.poly_power
        case _:
            return 1.0


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))
