"""Ways of weighting candidates, from the simplest to the most complex."""

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from trashseg_core.confusion import miou
from trashseg_core.ensemble.kernels import count_labels
from trashseg_core.ensemble.low_quantile import weigh_greedily_low, weigh_single_low
from trashseg_core.ensemble.pixels import Pixels
from trashseg_core.ensemble.scoring import pixel_scores
from trashseg_core.ensemble.select import select_greedily

NUM_BAGS, BAG_SHARE = 10, 0.5
PAIRED_CANDIDATES, PAIR_SHARES = 8, np.arange(1, 8) / 8
FACTORS = (0.0, 0.5, 0.75, 1.33, 2.0)
NEW_SHARE = 0.1
MAX_SWEEPS = 3

Weigh = Callable[[Pixels, np.ndarray], np.ndarray]
"""(pixels, images bool (N,) that may be looked at) -> weights float64 (K,), sum 1."""


def weigh_single(pixels: Pixels, images: np.ndarray) -> np.ndarray:
    """The best candidate alone."""
    return _first(_ranked(pixels, images), 1, pixels.num_candidates)


def weigh_uniformly(pixels: Pixels, images: np.ndarray) -> np.ndarray:
    """Equal weights for the best k candidates, with the k that scores best; a tie goes to the smaller k."""
    ranked, few = _ranked(pixels, images), pixels.few
    tried = [_first(ranked, k, pixels.num_candidates) for k in range(1, pixels.num_candidates + 1)]
    return tried[_best(few, tried, images)]


def weigh_greedily(pixels: Pixels, images: np.ndarray) -> np.ndarray:
    """Greedy selection with replacement (Caruana et al., ICML 2004)."""
    return select_greedily(pixels, images).weights(pixels.num_candidates)


def weigh_bagged(pixels: Pixels, images: np.ndarray) -> np.ndarray:
    """Mean of greedy selections from random halves of the candidates (bagging, ibid.), which overfits less."""
    few, rng, count = pixels.few, np.random.default_rng(0), pixels.num_candidates
    bags = []
    for _ in range(NUM_BAGS):
        allowed = np.zeros(count, bool)
        allowed[rng.permutation(count)[: max(1, round(BAG_SHARE * count))]] = True
        bags.append(select_greedily(few, images, allowed).weights(count))
    return np.asarray(np.mean(bags, axis=0))


def weigh_pairwise(pixels: Pixels, images: np.ndarray) -> np.ndarray:
    """The best pair of the best eight candidates, in eighths; every one is tried."""
    ranked, few, tried = _ranked(pixels, images), pixels.few, []
    for one, other in combinations(ranked[:PAIRED_CANDIDATES], 2):
        for share in PAIR_SHARES:
            weights = np.zeros(pixels.num_candidates)
            weights[one], weights[other] = share, 1 - share
            tried.append(weights)
    return tried[_best(few, tried, images)] if tried else _first(ranked, 1, pixels.num_candidates)


def weigh_refined(pixels: Pixels, images: np.ndarray) -> np.ndarray:
    """Coordinate ascent from the greedy weights: each is scaled in turn, while that raises mIoU."""
    few = pixels.few
    weights = weigh_greedily(few, images)
    reached = score_weights(few, weights, images)
    for _ in range(MAX_SWEEPS):
        before = reached
        for candidate in range(len(weights)):
            tried = list(_scaled(weights, candidate))
            scores = [score_weights(few, one, images) for one in tried]
            if scores and max(scores) > reached:
                reached, weights = max(scores), tried[int(np.argmax(scores))]
        if reached <= before:
            break
    return weights


METHODS: dict[str, Weigh] = {
    "single": weigh_single,
    "single-low": weigh_single_low,
    "uniform": weigh_uniformly,
    "greedy": weigh_greedily,
    "greedy-low": weigh_greedily_low,
    "bagged": weigh_bagged,
    "pairwise": weigh_pairwise,
    "refined": weigh_refined,
}
"""By name, in the order of their complexity."""


def score_weights(pixels: Pixels, weights: np.ndarray, images: np.ndarray) -> float:
    """mIoU of a weighted mean over the wanted photos; -1 where there are none."""
    counts = np.zeros(pixels.agreed.shape[1:], np.int64)
    for chosen in pixels.blocks(images):
        count_labels(pixel_scores(pixels, weights, chosen), pixels.truth[chosen], counts)
    reached = miou(pixels.agreed[images].sum(axis=0) + pixels.stride * counts)
    return float(reached) if np.isfinite(reached) else -1.0


def _best(pixels: Pixels, tried: list[np.ndarray], images: np.ndarray) -> int:
    return int(np.argmax([score_weights(pixels, weights, images) for weights in tried]))


def _ranked(pixels: Pixels, images: np.ndarray) -> np.ndarray:
    """Candidates by mIoU over the wanted photos, best first; equals in the order given."""
    scores = np.nan_to_num(np.asarray(miou(pixels.singles[images].sum(axis=0))))
    return np.argsort(-scores, kind="stable")


def _first(ranked: np.ndarray, number: int, num_candidates: int) -> np.ndarray:
    weights = np.zeros(num_candidates)
    weights[ranked[:number]] = 1 / number
    return weights


def _scaled(weights: np.ndarray, candidate: int) -> Iterator[np.ndarray]:
    """The weights with one of them changed, normalised anew; never all zero."""
    old = weights[candidate]
    for new in [old * factor for factor in FACTORS] if old > 0 else [NEW_SHARE]:
        changed = weights.copy()
        changed[candidate] = new
        if changed.sum() > 0:
            yield changed / changed.sum()
