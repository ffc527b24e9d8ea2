"""Steps towards an ensemble: each makes a plan from the one before and scores it, in-sample and held out."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trashseg_core.confusion import miou
from trashseg_core.ensemble.class_weights import fit_class_weights
from trashseg_core.ensemble.crossfit import Outcome, crossfit
from trashseg_core.ensemble.grid import Grid
from trashseg_core.ensemble.methods import METHODS
from trashseg_core.ensemble.offsets import fit_offsets
from trashseg_core.ensemble.pixels import Pixels
from trashseg_core.ensemble.probabilities import StoredPrediction
from trashseg_core.ensemble.scoring import (
    Mixture,
    mixture_confusions,
    pixel_confusions,
    pixel_scores,
    plain_mixture,
)
from trashseg_core.inference.crf_settings import CrfSettings


@dataclass(frozen=True)
class Plan:
    """How to combine K candidates, and what every photo's other folds would have done."""

    mixture: Mixture
    """Fitted on all of val."""
    held_out: list[Mixture]
    """For each photo, fitted without its fold."""
    tta: tuple[str, ...]
    """Views of each candidate."""
    held_out_tta: list[tuple[str, ...]]
    """For each photo, chosen without its fold."""
    crf: CrfSettings | None = None

    @property
    def members(self) -> list[int]:
        """Candidates of positive weight."""
        return [int(one) for one in np.flatnonzero(self.mixture.shares > 0)]


@dataclass(frozen=True)
class Candidates:
    """What all steps look at."""

    predictions: dict[tuple[int, str], StoredPrediction]
    """By candidate and views; `none` is there for all of them."""
    grid: Grid
    folds: np.ndarray
    """int64 (N,), fold of each photo."""

    def shown(self, tta: Sequence[str]) -> list[StoredPrediction]:
        """The candidates' predictions with these views."""
        return [self.predictions[number, views] for number, views in enumerate(tta)]

    def score(self, name: str, plan: Plan, started: float) -> Outcome:
        """Score a plan over all pixels."""
        photos = len(self.grid)
        in_sample = mixture_confusions([self.shown(plan.tta)] * photos, [plan.mixture] * photos, self.grid)
        held_out = mixture_confusions([self.shown(tta) for tta in plan.held_out_tta], plan.held_out, self.grid)
        return Outcome(name, in_sample, held_out, time.perf_counter() - started, plan)


def weigh(pixels: Pixels, folds: np.ndarray, names: Iterable[str] = METHODS) -> list[Outcome]:
    """Weigh the candidates by several methods, the simplest first."""
    return [_weigh(pixels, folds, name) for name in names]


def _weigh(pixels: Pixels, folds: np.ndarray, name: str) -> Outcome:
    started = time.perf_counter()
    final, without = crossfit(lambda images: METHODS[name](pixels, images), folds)
    untouched = ("none",) * pixels.num_candidates
    plan = Plan(
        plain_mixture(final, pixels.num_classes),
        [plain_mixture(weights, pixels.num_classes) for weights in without],
        untouched,
        [untouched] * len(folds),
    )
    in_sample, held_out = pixel_confusions(pixels, [final] * len(folds)), pixel_confusions(pixels, without)
    return Outcome(name, in_sample, held_out, time.perf_counter() - started, plan)


def with_class_weights(candidates: Candidates, sample: Pixels, plan: Plan) -> Outcome:
    """Weights of its own for each class."""

    def fit(images: np.ndarray, mixture: Mixture) -> Mixture:
        return replace(mixture, weights=fit_class_weights(sample, mixture.shares, images))

    return _refit(candidates, "per-class", plan, fit)


def with_offsets(candidates: Candidates, sample: Pixels, plan: Plan) -> Outcome:
    """Offsets of the classes' log probabilities."""

    def fit(images: np.ndarray, mixture: Mixture) -> Mixture:
        scores = sample.flat(pixel_scores(sample, mixture.weights), images)
        return replace(mixture, offsets=fit_offsets(scores, sample.flat(sample.truth, images)))

    return _refit(candidates, "offsets", plan, fit)


def _refit(candidates: Candidates, name: str, plan: Plan, fit: Callable[[np.ndarray, Mixture], Mixture]) -> Outcome:
    """Fit more of a mixture: for each fold from the one that did not see it."""
    started, folds = time.perf_counter(), candidates.folds
    before = {int(fold): mixture for fold, mixture in zip(folds, plan.held_out, strict=True)}
    after = {fold: fit(folds != fold, mixture) for fold, mixture in before.items()}
    final = fit(np.ones(len(folds), bool), plan.mixture)
    held_out = [after[int(fold)] for fold in folds]
    return candidates.score(name, replace(plan, mixture=final, held_out=held_out), started)


def with_tta(candidates: Candidates, before: Outcome, tta: str, forced: bool = False) -> Outcome:
    """Show every member more views of a photo if that helps: for each fold by the mixture that did not see it.

    Only members of the final ensemble are offered it, so that what the other folds chose gains less: the held-out gain
    is rather too small than too large.

    Args:
        tta: name of the set of views; `candidates` holds the members' predictions with it.
        forced: all members take it, whether it helps or not.
    """
    started, photos, folds = time.perf_counter(), len(candidates.grid), candidates.folds
    plan: Plan = before.choice

    def switched(members: Iterable[int]) -> tuple[str, ...]:
        changed = set(members)
        return tuple(tta if number in changed else views for number, views in enumerate(plan.tta))

    if forced:
        views = switched(plan.members)
        return candidates.score(f"TTA {tta}", replace(plan, tta=views, held_out_tta=[views] * photos), started)

    def chosen(images: np.ndarray, mixture: Mixture) -> tuple[str, ...]:
        def score(views: tuple[str, ...]) -> float:
            shown, mixtures = [candidates.shown(views)] * photos, [mixture] * photos
            counts = mixture_confusions(shown, mixtures, candidates.grid, images)
            return float(np.nan_to_num(miou(counts.sum(axis=0))))

        reached, heard = score(plan.tta), [one for one in plan.members if mixture.shares[one] > 0]
        return switched([member for member in heard if score(switched([member])) > reached])

    own = {int(fold): mixture for fold, mixture in zip(folds, plan.held_out, strict=True)}
    by_fold = {fold: chosen(folds != fold, mixture) for fold, mixture in own.items()}
    final = chosen(np.ones(photos, bool), plan.mixture)
    changed = replace(plan, tta=final, held_out_tta=[by_fold[int(fold)] for fold in folds])
    return candidates.score(f"TTA {tta}", changed, started)
