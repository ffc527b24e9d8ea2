"""Greedy ensemble selection with replacement on dataset-level mIoU (Caruana et al., ICML 2004)."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from trashseg_core.confusion import count_confusion, miou
from trashseg_core.ensemble.probabilities import Disagreement
from trashseg_core.inference.predict import first_argmax

MAX_PICKS = 12
CHUNK_PX = 1 << 15


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


def select_greedily(pixels: Disagreement, images: np.ndarray | None = None, max_picks: int = MAX_PICKS) -> Selection:
    """Start with the best candidate; add the one that raises mIoU most until none does.

    Args:
        images: bool (N,), the photos that may be looked at; all by default.
        max_picks: most steps.

    Returns:
        The picks; ties go to the earlier candidate, so candidates come best first.
    """
    wanted = np.ones(len(pixels.agreed), bool) if images is None else images
    chosen = wanted[pixels.image]
    probabilities = pixels.probabilities[:, :, chosen]
    truth, base = pixels.truth[chosen], pixels.agreed[wanted].sum(axis=0)
    running = np.zeros(probabilities.shape[1:], np.uint16)
    picks: list[int] = []
    scores: list[float] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy lets go of the interpreter lock
        while len(picks) < max_picks:
            tried = [pool.submit(_score, running, candidate, truth, base) for candidate in probabilities]
            steps = [future.result() for future in tried]
            best = int(np.argmax(steps))
            if scores and steps[best] <= scores[-1]:
                break
            picks.append(best)
            scores.append(steps[best])
            running += probabilities[best]
    return Selection(picks, scores)


def crossfit_confusions(pixels: Disagreement, max_picks: int = MAX_PICKS) -> np.ndarray:
    """Score selection itself on photos that it did not see: each half of val is scored with the other half's choice.

    Returns:
        Per-image confusion matrices int64 (N, C, C), every photo held out once.
    """
    num_images = len(pixels.agreed)
    half = np.arange(num_images) % 2 == 0
    confusions = pixels.agreed.copy()
    for seen in (half, ~half):
        weights = select_greedily(pixels, seen, max_picks).weights(len(pixels.probabilities))
        confusions[~seen] = ensemble_confusions(pixels, weights)[~seen]
    return confusions


def ensemble_confusions(pixels: Disagreement, weights: np.ndarray) -> np.ndarray:
    """Per-image confusion matrices of a weighted mean of the candidates.

    Args:
        weights: float (K,).

    Returns:
        int64 (N, C, C).
    """
    num_images, num_classes = pixels.agreed.shape[:2]
    mean = np.tensordot(weights.astype(np.float32), pixels.probabilities.astype(np.float32), axes=1)
    cells = pixels.truth.astype(np.int64) * num_classes + first_argmax(mean)
    cells += pixels.image.astype(np.int64) * num_classes**2
    counts = np.bincount(cells, minlength=num_images * num_classes**2)
    return pixels.agreed + counts.reshape(num_images, num_classes, num_classes)


def _score(running: np.ndarray, candidate: np.ndarray, truth: np.ndarray, base: np.ndarray) -> float:
    """mIoU with one more pick; in chunks that stay in the processor's cache."""
    counts = base.copy()
    for start in range(0, len(truth), CHUNK_PX):
        chosen = slice(start, start + CHUNK_PX)
        labels = first_argmax(running[:, chosen] + candidate[:, chosen])
        counts += count_confusion(truth[chosen], labels, len(base))
    return float(miou(counts))
