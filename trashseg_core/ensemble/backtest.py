"""The backtest: which way of choosing an ensemble would have done best on photos like the user's own."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from trashseg_core.bootstrap import areas_of, shares_of
from trashseg_core.ensemble.crossfit import Outcome, make_folds, simplest
from trashseg_core.ensemble.methods import METHODS, Weigh
from trashseg_core.ensemble.pixels import Pixels
from trashseg_core.ensemble.scoring import photo_confusions, pixel_scores

NUM_SPLITS = 200
TESTED_PIXELS = 1 << 15
"""Pixels that the rules look at; which photos are dealt to which part matters far more."""
MIN_PHOTOS = 15
"""With fewer, a third says nothing."""
WORST = 0.1
"""Quantile of the private scores that the worst decile begins at."""


def weigh_crossfitted(pixels: Pixels, images: np.ndarray) -> np.ndarray:
    """The simplest of all methods whose held-out score is within one error of the best: `--method auto`."""
    own = pixels.only(images)
    folds = make_folds(own.singles[:, 0].sum(axis=-1))
    parts = [(own.only(folds != fold), own.only(folds == fold), folds == fold) for fold in np.unique(folds)]
    outcomes = []
    for name, weigh in METHODS.items():
        held_out = np.zeros_like(own.agreed)
        for seen, unseen, numbers in parts:
            held_out[numbers] = _score(unseen, weigh(seen, np.ones(len(seen), bool)))
        chosen = weigh(own, np.ones(len(own), bool))
        outcomes.append(Outcome(name, _score(own, chosen), held_out, 0.0, chosen))
    return np.asarray(outcomes[simplest(outcomes)[0]].choice)


RULES: dict[str, Weigh] = {**METHODS, "auto": weigh_crossfitted}
"""By the value of `--method`."""


@dataclass(frozen=True)
class Backtest:
    """Scores of R rules in S splits."""

    rules: list[str]
    public: np.ndarray
    """float64 (S, R): mIoU on the public part."""
    private: np.ndarray
    """float64 (S, R): mIoU on the private part."""

    @property
    def winner(self) -> str:
        """The rule to take: among those within one error of the best mean private score, the best worst decile."""
        means = self.private.mean(axis=0)
        best = int(np.argmax(means))
        near = np.flatnonzero(means[best] - means <= self._errors(best))
        return self.rules[int(near[np.argmax(np.quantile(self.private[:, near], WORST, axis=0))])]

    def rows(self) -> list[dict[str, Any]]:
        """One row a rule, the best mean private score first; `behind` and `error` compare it with the winner's."""
        first = self.rules.index(self.winner)
        means, errors = self.private.mean(axis=0), self._errors(first)
        ranks = (self.private[:, None] > self.private[:, :, None]).sum(axis=-1) + 1
        return [
            {
                "rule": self.rules[number],
                "public": float(self.public[:, number].mean()),
                "private": float(means[number]),
                "worst_decile": float(np.quantile(self.private[:, number], WORST)),
                "rank": float(ranks[:, number].mean()),
                "behind": float(means[first] - means[number]),
                "error": float(errors[number]),
            }
            for number in np.argsort(-means, kind="stable")
        ]

    def told(self) -> str:
        """The table in one sentence."""
        rows = [f"{row['rule']} {row['private']:.4f}" for row in self.rows()]
        return f"mean private mIoU over {len(self.private)} splits: {', '.join(rows)}"

    def _errors(self, one: int) -> np.ndarray:
        """Standard error of the difference of each rule's mean private score from one rule's, over the splits."""
        return np.asarray((self.private - self.private[:, [one]]).std(axis=0) / np.sqrt(len(self.private)))


def run_backtest(
    pixels: Pixels,
    rules: Mapping[str, Weigh] = RULES,
    splits: Sequence[int] = range(NUM_SPLITS),
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Backtest:
    """Deal the photos into val, public and private thirds many times; each rule chooses on val.

    The splits share photos: errors over splits say how sure the order of the rules is on these photos, not on others.

    Args:
        pixels: of all labelled photos.
        splits: numbers of the splits; a number stands for the same split in every call with the same seed.
    """
    few = pixels.thinned(TESTED_PIXELS)
    public, private = (np.empty((len(splits), len(rules))) for _ in range(2))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tested = pool.map(lambda split: _test_split(few, rules, (seed, split)), splits)
        for done, (public[done], private[done]) in enumerate(tested):
            if progress:
                progress(done + 1, len(splits))
    return Backtest(list(rules), public, private)


def _test_split(pixels: Pixels, rules: Mapping[str, Weigh], seed: tuple[int, int]) -> np.ndarray:
    """Score of each rule on the public and on the private third: float64 (2, R)."""
    part = np.random.default_rng(seed).permutation(np.arange(len(pixels)) % 3)
    seen, *sides = (pixels.only(part == one) for one in range(3))
    chosen = [weigh(seen, np.ones(len(seen), bool)) for weigh in rules.values()]
    totals = [[_score(side, weights).sum(axis=0) for weights in chosen] for side in sides]
    return np.asarray(np.nan_to_num(shares_of(areas_of(np.asarray(totals))).sum(axis=-1)))


def _score(pixels: Pixels, weights: np.ndarray) -> np.ndarray:
    """Per-image confusion matrices of a weighted mean."""
    return photo_confusions(pixels, pixel_scores(pixels, weights), np.ones(len(pixels), bool))
