"""The sum of the picks of a greedy selection so far, and what one more pick of each candidate would change."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from trashseg_core.ensemble.kernels import add_pick
from trashseg_core.ensemble.pixels import Pixels


class RunningSum:
    """The picks so far, summed at some pixels; threads count, each other tiles."""

    def __init__(self, pixels: Pixels, blocks: list[slice], workers: int | None = None) -> None:
        """Begin without a pick.

        Args:
            blocks: ranges of tiles to look at; changes are counted for each.
            workers: threads; by default one for each core.
        """
        num_tiles, _, num_classes, width = pixels.probabilities.shape
        self._pixels, self._blocks = pixels, blocks
        self._workers = min(len(blocks), workers or os.cpu_count() or 1)
        self._sum = np.zeros((num_tiles, num_classes, width), np.uint16)
        self._state = np.zeros((num_tiles, 2), np.int64)
        self._picks: list[int] = []

    def add(self, pick: int) -> list[np.ndarray]:
        """Take one more candidate.

        Returns:
            What yet another pick of each candidate would change in the confusion matrix of each block: int64 (K, C, C).
        """
        self._picks.append(pick)
        pixels, picks = self._pixels, np.array(self._picks)
        leaders, swings = pixels.swings

        def add(chosen: slice) -> np.ndarray:
            changes = np.zeros((pixels.num_candidates, pixels.num_classes, pixels.num_classes), np.int64)
            shown, truth, total, state = (
                one[chosen] for one in (pixels.probabilities, pixels.truth, self._sum, self._state)
            )
            add_pick(shown, truth, leaders[chosen], swings[chosen], picks, total, state, changes)
            pixels.let_go(chosen)
            return pixels.stride * changes

        if self._workers <= 1:
            return list(map(add, self._blocks))
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(add, self._blocks))
