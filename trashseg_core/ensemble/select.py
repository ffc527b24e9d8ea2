"""Greedy ensemble selection with replacement on dataset-level mIoU (Caruana et al., ICML 2004)."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from trashseg_core.confusion import miou
from trashseg_core.ensemble.kernels import add_pick
from trashseg_core.ensemble.pixels import Pixels

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
    running = _RunningSum(pixels, wanted)
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
        tried = tried[best] + running.add(best)
    return Selection(picks, scores)


class _RunningSum:
    """The sum of the picks so far at the pixels of some photos; all cores count, each other pixels."""

    def __init__(self, pixels: Pixels, images: np.ndarray) -> None:
        num_tiles, _, num_classes, width = pixels.probabilities.shape
        self._pixels, self._blocks = pixels, pixels.blocks(images)
        self._sum = np.zeros((num_tiles, num_classes, width), np.uint16)
        self._labels = np.zeros((num_tiles, width), np.uint8)

    def add(self, pick: int) -> np.ndarray:
        """Take one more candidate.

        Returns:
            What yet another pick of each candidate would change in the confusion matrix: int64 (K, C, C).
        """
        pixels = self._pixels
        shape = (pixels.num_candidates, pixels.num_classes, pixels.num_classes)

        def add(chosen: slice) -> np.ndarray:
            changes = np.zeros(shape, np.int64)
            rows = (pixels.probabilities, pixels.truth, self._sum, self._labels)
            shown, truth, total, labels = (one[chosen] for one in rows)
            add_pick(shown, truth, pick, total, labels, changes)
            pixels.let_go(chosen)
            return changes

        if len(self._blocks) == 1:
            return pixels.stride * add(self._blocks[0])
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.asarray(pixels.stride * sum(pool.map(add, self._blocks), np.zeros(shape, np.int64)))
