"""The ensemble of a search: from its best trials' checkpoints to the combination that val bears out, held out."""

import time
from pathlib import Path

import numpy as np

from experiments.evidence_table import print_evidence
from experiments.folds.fold_search import fold_name
from experiments.forecast import count_test_photos
from experiments.pool import Pool, open_pool
from experiments.settings import SearchSettings
from experiments.terminal import progress_line
from trashseg_core import __version__
from trashseg_core.checkpoint import Confusions
from trashseg_core.ensemble.backtest import MIN_PHOTOS, run_backtest
from trashseg_core.ensemble.bundle import Ensemble, Member, write_ensemble
from trashseg_core.ensemble.crossfit import Outcome, interval, make_folds
from trashseg_core.ensemble.disagreement import find_disagreement, sample_pixels
from trashseg_core.ensemble.evidence import Evidence
from trashseg_core.ensemble.methods import METHODS
from trashseg_core.ensemble.pixels import Pixels
from trashseg_core.ensemble.probabilities import StoredPrediction
from trashseg_core.ensemble.select import select_greedily
from trashseg_core.ensemble.steps import Candidates, Plan, weigh, with_class_weights, with_offsets, with_tta
from trashseg_core.errors import BadInput
from trashseg_core.networks.pretrained import normalisation

SAMPLED_PIXELS = 1 << 17
"""Pixels that class weights and offsets are fitted on; they are scored on all."""


def build_ensemble(folder: Path, settings: SearchSettings) -> Ensemble:
    """Hop 2: predict val with each candidate, decide step by step on held-out evidence, write `ensemble/`.

    Args:
        folder: the run folder.

    Raises:
        BadInput: no trial left a checkpoint, or their predictions need more disk than there is.
    """
    evidence = Evidence()
    pool = open_pool(folder, settings, evidence)
    predictions = pool.predict(list(range(len(pool.ids))))
    folds = make_folds(pool.grid.class_counts(), seed=settings.seed)
    offered = Candidates({(number, "none"): one for number, one in enumerate(predictions)}, pool.grid, folds)
    pixels = find_disagreement(predictions, pool.grid, pool.store, progress_line("photos compared"))
    sample = sample_pixels(predictions, pool.grid, SAMPLED_PIXELS)

    best = choose_weights(pixels, sample, offered, settings, evidence)
    best = evidence.offer(best, with_offsets(offered, sample, best.choice))
    best = offer_tta(pool, offered, settings, best, evidence)
    best = offer_crf(pool, offered, settings, best, evidence)

    ensemble = describe(pool, settings, best, evidence, predictions, pixels)
    in_sample, held_out = (
        Confusions(one, pool.split.file_names, pool.split.class_names) for one in (best.in_sample, best.held_out)
    )
    checkpoints = {name: path for number in best.choice.members for name, path in _named_models(pool, number)}
    write_ensemble(folder / "ensemble", ensemble, checkpoints, in_sample, held_out)
    print_evidence(ensemble.evidence)
    return ensemble


def choose_weights(
    pixels: Pixels, sample: Pixels, offered: Candidates, settings: SearchSettings, evidence: Evidence
) -> Outcome:
    """The method that wins the backtest or was asked for, beside the best single candidate; or the simplest of all."""
    tested = settings.method == "backtest"
    wanted = win_backtest(pixels, settings, evidence) if tested else settings.method
    forced = None if wanted == "auto" else wanted.replace("per-class", "refined")  # class weights start from those
    names = [name for name in METHODS if forced is None or name in ("single", forced)]
    if pixels.num_candidates == 1:
        names, forced = ["single"], None
    reason = "won the backtest" if tested else "asked for"
    best = evidence.choose(weigh(pixels, offered.folds, names), forced, reason)
    if not tested and wanted not in ("auto", "per-class"):
        return best
    if len(best.choice.members) == 1:
        evidence.note("per-class", "not tried: there is one member, which every class has to listen to")
        return best
    tried = with_class_weights(offered, sample, best.choice)
    return evidence.offer(best, tried, forced=wanted == "per-class")


def win_backtest(pixels: Pixels, settings: SearchSettings, evidence: Evidence) -> str:
    """The method that does best where parts of val play public and private board; what that rests on is noted."""
    if pixels.num_candidates == 1:
        evidence.note("backtest", "not tried: there is one candidate")
        return "auto"
    if len(pixels) < MIN_PHOTOS:
        evidence.note("backtest", f"not tried: {len(pixels)} val photos are fewer than {MIN_PHOTOS}, so auto decides")
        return "auto"
    tested = run_backtest(pixels, METHODS, seed=settings.seed, progress=progress_line("splits tested"))
    evidence.note("backtest", f"{tested.winner} wins: {tested.told()}", rows=tested.rows())
    return tested.winner


def offer_tta(pool: Pool, offered: Candidates, settings: SearchSettings, best: Outcome, evidence: Evidence) -> Outcome:
    """Show the members the views that were asked for; `auto` tries flips, kept if they gain more than one error."""
    tta, members = settings.first_tta, best.choice.members
    if tta == "none":
        return best
    try:
        pool.make_room(members, tta)
    except BadInput as error:
        evidence.note(f"TTA {tta}", f"not tried: there is no room for what the members predict with it. {error}")
        return best
    predicted = pool.predict(members, tta)
    offered.predictions.update({(member, tta): one for member, one in zip(members, predicted, strict=True)})
    forced = settings.tta != "auto"
    return evidence.offer(best, with_tta(offered, best, tta, forced), forced)


def offer_crf(pool: Pool, offered: Candidates, settings: SearchSettings, best: Outcome, evidence: Evidence) -> Outcome:
    """Refine the probabilities with a dense CRF where that was asked for, or helps."""
    if settings.crf == "off":
        return best
    if pool.grid.side is not None:
        evidence.note("CRF", "not tried: its kernels are in px of the photo, but val was predicted at 256 x 256")
        return best
    from trashseg_core.ensemble.crf_step import with_crf
    from trashseg_core.inference.crf_settings import CrfSettings

    refined = with_crf(offered, best.choice, pool.data, pool.split, CrfSettings())
    return evidence.offer(best, refined, forced=settings.crf == "on")


def describe(
    pool: Pool,
    settings: SearchSettings,
    best: Outcome,
    evidence: Evidence,
    predictions: list[StoredPrediction],
    pixels: Pixels,
) -> Ensemble:
    """What `ensemble.json` says."""
    plan: Plan = best.choice
    labels, _ = pool.data.labels(pool.data.read("val"))
    picked, test_photos = select_greedily(pixels), count_test_photos(pool.data)
    return Ensemble(
        members=[member for number in plan.members for member in _members(pool, plan, number)],
        class_names=pool.grid.class_names,
        categories={str(category): label for category, label in labels.items()},
        val_miou=best.val_miou,
        val_miou_crossfit=best.held_out_miou,
        steps=[
            {"added": pool.ids[pick], "val_miou": score}
            for pick, score in zip(picked.picks, picked.scores, strict=True)
        ],
        provenance={
            "search": settings.name,
            "candidates": pool.ids,
            "folds": settings.folds,
            "data": pool.split.key,
            "test_photos": test_photos,
            "pixels": "native" if pool.grid.side is None else f"{pool.grid.side} x {pool.grid.side}",
            "quantisation": [one.quantisation for one in predictions],
            "version": __version__,
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        },
        class_offsets=plan.mixture.offsets.tolist() if plan.mixture.offsets.any() else [],
        crf=vars(plan.crf) if plan.crf is not None else None,
        val_interval=interval(best.held_out),
        test_interval=[] if test_photos is None else interval(best.held_out, test_photos),
        evidence=evidence.rows,
    )


def _named_models(pool: Pool, number: int) -> list[tuple[str, Path]]:
    """Name and checkpoint of each model of a candidate; the model of the first fold is the search's own."""
    name = pool.ids[number]
    return [(fold_name(name, fold), checkpoint) for fold, (checkpoint, _) in enumerate(pool.models[name])]


def _members(pool: Pool, plan: Plan, number: int) -> list[Member]:
    """A candidate as members of the ensemble: its models share its weight evenly."""
    config, named = pool.config(pool.ids[number]), _named_models(pool, number)
    mean, std = (list(one) for one in normalisation(config))
    weights, share = plan.mixture.weights[number] / len(named), float(plan.mixture.shares[number]) / len(named)
    per_class = weights.tolist() if np.ptp(plan.mixture.weights, axis=1).any() else []
    return [
        Member(name, share, config.predict_size, mean, std, plan.tta[number], per_class, fold)
        for fold, (name, _) in enumerate(named)
    ]
