"""Greedy ensemble selection with replacement on dataset-level mIoU (Caruana et al., ICML 2004)."""

from dataclasses import dataclass

import numpy as np

from trashseg_core.confusion import miou
from trashseg_core.ensemble.pixels import Pixels
from trashseg_core.ensemble.running_sum import RunningSum

MAX_PICKS = 25
"""A weight is a multiple of 1/25 at the finest; sums of 255 stay far below 2^16."""


@dataclass(frozen=True)
class Selection:
    """A chosen multiset of candidates."""

    picks: list[int]
    """Candidate of each step, in order; repeated picks are weights."""
    scores: list[float]
    """mIoU after each step, on the photos that chose."""

    def weights(self, num_candidates: int) -> np.ndarray:
        """Share of each candidate, float64 (K,), sum 1."""
        counts = np.bincount(self.picks, minlength=num_candidates)
        return counts / counts.sum()


def select_greedily(
    pixels: Pixels, images: np.ndarray | None = None, allowed: np.ndarray | None = None, max_picks: int = MAX_PICKS
) -> Selection:
    """Start with the best candidate; add the one that raises mIoU most until none does.

    Args:
        images: bool (N,), the photos that may be looked at; all by default.
        allowed: bool (K,), the candidates that may be taken; all by default.
        max_picks: most steps.

    Returns:
        The picks; ties go to the earlier candidate, so candidates come best first.
    """
    wanted = np.ones(len(pixels), bool) if images is None else images
    barred = np.zeros(pixels.num_candidates, bool) if allowed is None else ~allowed
    running = RunningSum(pixels, pixels.blocks(wanted))
    tried = pixels.singles[wanted].sum(axis=0)
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < max_picks:
        reached = np.where(barred, -1.0, np.nan_to_num(np.asarray(miou(tried))))
        best = int(np.argmax(reached))
        if scores and reached[best] <= scores[-1]:
            break
        picks.append(best)
        scores.append(float(reached[best]))
        tried = tried[best] + sum(running.add(best))
    return Selection(picks, scores)
