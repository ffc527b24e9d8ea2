"""Robust selection: what maximises a low quantile of the score over simulated private sets, instead of its mean."""

import numpy as np

from trashseg_core.bootstrap import areas_of, count_draws, shares_of
from trashseg_core.ensemble.kernels import add_pick
from trashseg_core.ensemble.pixels import Pixels

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
    few = pixels.few.only(images)
    running, labels = np.zeros_like(few.probabilities[:, 0], np.uint16), np.zeros_like(few.truth)
    tried = few.singles
    picks: list[int] = []
    reached = -1.0
    while len(picks) < MAX_PICKS:
        scores = _low_scores(tried.swapaxes(0, 1))
        best = int(np.argmax(scores))
        if picks and scores[best] <= reached:
            break
        picks.append(best)
        reached, changes = float(scores[best]), np.zeros_like(tried)
        for photo, changed in enumerate(changes):
            tiles = few.of_photo(photo)
            add_pick(few.probabilities[tiles], few.truth[tiles], best, running[tiles], labels[tiles], changed)
        tried = tried[:, [best]] + few.stride * changes
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
    counts, areas = count_draws(drawn, num_photos), areas_of(per_image.swapaxes(0, 1))
    areas = np.einsum("bn,n...->b...", counts, areas)  # BLAS would wake all cores for a product this small
    return np.asarray(np.quantile(np.nan_to_num(shares_of(areas).sum(axis=-1), nan=-1.0), LOW_QUANTILE, axis=0))
