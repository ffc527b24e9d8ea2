"""Robust selection: what maximises a low quantile of the score over simulated private sets, instead of its mean."""

import numpy as np

from trashseg_core.bootstrap import areas_of, count_draws, shares_of, sum_areas
from trashseg_core.ensemble.pixels import Pixels
from trashseg_core.ensemble.scoring import photo_confusions

LOW_QUANTILE = 0.05
NUM_PRIVATES = 300
MAX_PICKS = 15


def weigh_single_low(pixels: Pixels, images: np.ndarray) -> np.ndarray:
    """The candidate alone that has the best low quantile."""
    weights = np.zeros(pixels.num_candidates)
    weights[int(np.argmax(_low_scores(pixels.singles[images].swapaxes(0, 1))))] = 1
    return weights


def weigh_greedily_low(pixels: Pixels, images: np.ndarray) -> np.ndarray:
    """Greedy selection with replacement whose every pick raises the low quantile of the mean's score."""
    few = pixels.few
    shown = few.probabilities[few.tiles_of(images)].astype(np.uint16)
    running = np.zeros_like(shown[:, 0])
    picks: list[int] = []
    reached = -1.0
    while len(picks) < MAX_PICKS:
        tried = [photo_confusions(few, running + one, images) for one in shown.swapaxes(0, 1)]
        scores = _low_scores(np.stack(tried))
        best = int(np.argmax(scores))
        if picks and scores[best] <= reached:
            break
        picks.append(best)
        reached, running = float(scores[best]), running + shown[:, best]
    return np.bincount(picks, minlength=few.num_candidates) / len(picks)


def _low_scores(per_image: np.ndarray) -> np.ndarray:
    """Low quantile of mIoU over private sets drawn from the photos; the same draws for every model, each time.

    Args:
        per_image: int64 (K, n, C, C).

    Returns:
        float64 (K,); -1 where no photo has a label.
    """
    num_photos = per_image.shape[1]
    if num_photos == 0:
        return np.full(len(per_image), -1.0)
    drawn = np.random.default_rng(0).integers(0, num_photos, (NUM_PRIVATES, num_photos))
    areas = sum_areas(count_draws(drawn, num_photos), areas_of(per_image.swapaxes(0, 1)))
    return np.asarray(np.quantile(np.nan_to_num(shares_of(areas).sum(axis=-1), nan=-1.0), LOW_QUANTILE, axis=0))
