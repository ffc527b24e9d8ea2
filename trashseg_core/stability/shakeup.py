"""The shake-up: public and private halves of test sets that do not exist yet, simulated."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trashseg_core.bootstrap import chunks, count_draws, resample, shares_of, sum_areas
from trashseg_core.stability.true_scores import draw_true_scores

NUM_TESTS = 4000


@dataclass(frozen=True)
class Halves:
    """What K models score on both halves of B simulated test sets."""

    public: np.ndarray
    """float64 (B, K, C): what each class adds to the public mIoU."""
    private: np.ndarray
    """float64 (B, K, C), likewise."""
    shift: np.ndarray
    """float64 (B, K): how far the drawn true score of a model lies from its score on val."""

    @property
    def public_scores(self) -> np.ndarray:
        """Public mIoU, (B, K)."""
        return np.asarray(self.public.sum(axis=-1) + self.shift)

    @property
    def private_scores(self) -> np.ndarray:
        """Private mIoU, (B, K)."""
        return np.asarray(self.private.sum(axis=-1) + self.shift)


def simulate_halves(
    areas: np.ndarray,
    test_size: int,
    strata: np.ndarray | None = None,
    num_tests: int = NUM_TESTS,
    seed: int = 0,
) -> Halves:
    """Draw test sets from the population that the photos come from, and split each into a public and a private half.

    Splitting the photos at hand themselves would answer another question: what had happened if they were the test set.
    There the halves' scores sum to what is known already, so that one half's luck is the other's misfortune. A new
    test set has its own luck in both halves, and the models' true scores are uncertain too. Foretold against real flips
    of six models, 190 photos, as the expected calibration error over ten bins and the Brier score (always saying how
    often flips are on the whole: 0.22), on 400 made populations, the first row on 1,000 (tests/test_shakeup.py):

        new test set, true scores by empirical Bayes    0.018    0.206
        new test set, true scores = scores + noise      0.075    0.210
        new test set, true scores = scores              0.076    0.211
        halves of the photos at hand                    0.172    0.242

    Args:
        areas: (N, K, 2, C), of photos that the models were not fitted on.
        test_size: photos of a test set, 2 or more.
        strata: int (N,), a photo's stratum; each is dealt evenly to the halves. None: the halves are random.
    """
    rng = np.random.default_rng(seed)
    observed = shares_of(areas.sum(axis=0)).sum(axis=-1)
    bootstrapped = np.concatenate([shares_of(one).sum(axis=-1) for one in resample(areas, num_tests, seed)])
    halves = [
        tuple(shares_of(sum_areas(count_draws(photos, len(areas)), areas)) for photos in both)
        for both in _drawn_halves(len(areas), areas[0].size, test_size, strata, num_tests, rng)
    ]
    public, private = (np.nan_to_num(np.concatenate([both[side] for both in halves])) for side in (0, 1))
    noise = np.nan_to_num(bootstrapped - observed)  # photos without any label may be all that was drawn
    return Halves(public, private, draw_true_scores(observed, noise, num_tests, rng) - observed)


def _drawn_halves(
    num_photos: int, row: int, test_size: int, strata: np.ndarray | None, num_tests: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Numbers of the photos of both halves, (b, M / 2) each, for all test sets in blocks."""
    for size in chunks(num_tests, 8 * max(2 * num_photos, 4 * test_size, row)):
        photos = rng.integers(0, num_photos, (size, test_size))
        if strata is not None:
            order = np.argsort(strata[photos] + rng.random(photos.shape), axis=1)
            photos = np.take_along_axis(photos, order, axis=1)
        yield photos[:, ::2], photos[:, 1::2]


def rarest_class(shown: np.ndarray) -> np.ndarray:
    """Strata by the rarest class that each photo shows.

    Args:
        shown: bool (N, C).

    Returns:
        int64 (N,); C for a photo that shows nothing.
    """
    num_classes = shown.shape[1]
    rank = np.argsort(np.argsort(shown.sum(axis=0), kind="stable"))
    return np.asarray(np.where(shown, rank, num_classes).min(axis=1))


def flip_probabilities(halves: Halves) -> np.ndarray:
    """Probability that two models swap places between the halves: float64 (K, K), symmetric, diagonal 0."""
    public, private = halves.public_scores, halves.private_scores
    num_models = public.shape[1]
    flips = np.zeros((num_models, num_models))
    for one in range(num_models):
        before, after = (scores[:, [one]] - scores for scores in (public, private))
        flips[one] = (before * after < 0).mean(axis=0)
    return flips


def spearman(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Rank correlation of two lists of scores; equal scores keep their order.

    Args:
        one: (..., K), K of 2 or more; `other` likewise.
    """
    ranks = [np.argsort(np.argsort(scores, axis=-1, kind="stable"), axis=-1) for scores in (one, other)]
    num = ranks[0].shape[-1]
    return np.asarray(1 - 6 * ((ranks[0] - ranks[1]) ** 2).sum(axis=-1) / (num * (num**2 - 1)))


def causes(halves: Halves, seed: int = 0) -> np.ndarray:
    """Each class's share of the shake-up 1 - Spearman(public, private): its Shapley value.

    The classes' scores change from the public to the private ones one after another, in random order; what a class's
    own change does to the rank correlation is its part. Averaged over orders that is the Shapley value, here sampled
    (Castro, Gomez and Tejada, Computers & Operations Research 36, 2009): one order and its reverse per test set.

    Returns:
        float64 (C,), sum 1; below 0 for a class that makes up for others. nan where the ranks never change.
    """
    rng = np.random.default_rng(seed)
    num_tests, _, num_classes = halves.public.shape
    start, change = halves.public_scores, halves.private - halves.public
    order = rng.permuted(np.tile(np.arange(num_classes), (num_tests, 1)), axis=1)
    parts = np.zeros(num_classes)
    for turn in (order, order[:, ::-1]):
        walk = start[:, None] + np.cumsum(np.take_along_axis(change, turn[:, None], axis=2), axis=2).swapaxes(1, 2)
        reached = spearman(start[:, None], walk)
        lost = -np.diff(reached, axis=1, prepend=1.0)
        parts += np.bincount(turn.ravel(), lost.ravel(), num_classes)
    return parts / parts.sum() if parts.sum() > 1e-12 else np.full(num_classes, np.nan)
