"""The ensemble of a search: from its best trials' checkpoints to the combination that val bears out."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.evidence_table import print_evidence
from experiments.results import candidates, rank, read_results
from experiments.settings import SearchSettings
from experiments.terminal import progress_line
from trashseg_core import __version__
from trashseg_core.checkpoint import Confusions, read_config
from trashseg_core.data.cache import CachedSplit, open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.bundle import Ensemble, Member, write_ensemble
from trashseg_core.ensemble.crossfit import Outcome, interval, make_folds
from trashseg_core.ensemble.disagreement import find_disagreement, sample_pixels
from trashseg_core.ensemble.evidence import Evidence
from trashseg_core.ensemble.grid import Grid, open_grid
from trashseg_core.ensemble.methods import METHODS
from trashseg_core.ensemble.probabilities import Prediction, make_room, predict_candidate, prediction_name
from trashseg_core.ensemble.soup import cook, soup_groups
from trashseg_core.ensemble.steps import Candidates, Plan, weigh, with_class_weights, with_offsets, with_tta
from trashseg_core.errors import BadInput
from trashseg_core.networks.pretrained import normalisation

SAMPLED_PIXELS = 1 << 18
"""Pixels that class weights and offsets are fitted on; they are scored on all."""


@dataclass
class Pool:
    """The candidates, best first."""

    checkpoints: dict[str, Path]
    """By trial id, or a soup's name."""
    data: DataFolder
    store: Path
    """Folder of their predictions."""
    grid: Grid

    def predict(self, tta: str, ids: list[str]) -> list[Prediction]:
        """Predict val with some candidates; what is in the store already takes no time."""
        show = progress_line(f"candidates predicted{'' if tta == 'none' else f' with TTA {tta}'}")
        predictions = []
        for number, one in enumerate(ids, 1):
            predictions.append(predict_candidate(self.checkpoints[one], self.data, self.grid, self.store, tta))
            show(number, len(ids))
        return predictions


def build_ensemble(folder: Path, settings: SearchSettings) -> Ensemble:
    """Hop 2: predict val with each candidate, choose on held-out evidence, write `ensemble/`.

    Raises:
        BadInput: no trial left a checkpoint, or their predictions need more disk than allowed.
    """
    evidence = Evidence()
    pool = open_pool(folder, settings, evidence)
    ids = list(pool.checkpoints)
    predictions = pool.predict("none", ids)
    offered = Candidates(
        {(number, "none"): one for number, one in enumerate(predictions)},
        pool.grid,
        make_folds(pool.grid.class_counts(), seed=settings.seed),
    )
    pixels = find_disagreement(predictions, pool.grid, pool.store, progress_line("photos compared"))
    forced = None if settings.method == "auto" else "refined" if settings.method == "per-class" else settings.method
    best = evidence.choose(weigh(pixels, offered.folds, methods_to_try(len(ids), forced)), forced)
    sample = sample_pixels(predictions, pool.grid, SAMPLED_PIXELS)
    if settings.method in ("auto", "per-class"):
        outcome = with_class_weights(offered, sample, best.choice)
        best = evidence.offer(best, outcome, forced=settings.method == "per-class")
    best = evidence.offer(best, with_offsets(offered, sample, best.choice))
    best = offer_tta(pool, offered, settings, best, evidence)
    ensemble = describe(pool, settings, best, evidence)
    write_ensemble(folder / "ensemble", ensemble, pool.checkpoints, confusions_of(pool, best))
    print_evidence(ensemble)
    return ensemble


def methods_to_try(num_candidates: int, forced: str | None) -> list[str]:
    """All methods; the best single candidate and the one that was asked for; or the only one that makes sense."""
    if num_candidates == 1:
        return ["single"] if forced is None else list(dict.fromkeys(["single", forced]))
    return [name for name in METHODS if forced is None or name in ("single", forced)]


def open_pool(folder: Path, settings: SearchSettings, evidence: Evidence) -> Pool:
    """Choose the candidates, cook soups of them, and open a grid whose predictions the disk takes."""
    ranked = rank(read_results(folder / "results.json"), settings.objective)
    if settings.pool == "all-finished":
        chosen = candidates([one for one in ranked if one.status == "finished"], len(ranked))
    else:
        chosen = candidates(ranked, settings.top_k)
    checkpoints = {result.trial_id: folder / str(result.checkpoint) for result in chosen}
    data = settings.data_folder
    if settings.soup:
        scores = {result.trial_id: result.val_miou or 0.0 for result in chosen}
        for group in soup_groups(checkpoints):
            soup = cook(group, checkpoints, scores, data, folder / "soups")
            evidence.note(f"soup of {' + '.join(soup.ingredients)}", f"tried {', '.join(soup.tried)}; val mIoU "
                          f"{soup.val_miou:.4f} against {scores[soup.ingredients[0]]:.4f} of the best ingredient")
            if len(soup.ingredients) > 1:
                checkpoints[soup.folder.name] = soup.folder
    store = folder / "predictions"
    splits = {one: open_split(data, "val", read_config(path).predict_size) for one, path in checkpoints.items()}
    return Pool(checkpoints, data, store, open_fitting_grid(checkpoints, splits, store, settings, evidence))


def open_fitting_grid(
    checkpoints: dict[str, Path],
    splits: dict[str, CachedSplit],
    store: Path,
    settings: SearchSettings,
    evidence: Evidence,
) -> Grid:
    """The grid that was asked for, or the smaller one where the disk does not take it.

    Raises:
        BadInput: it takes neither.
    """
    views = {"none", "flip" if settings.tta == "auto" else settings.tta}
    sides = [256] if settings.ensemble_size == "256" else [None, 256]
    for side in sides:
        grid = open_grid(next(iter(splits.values())), side)
        names = {prediction_name(checkpoints[one], tta, grid, splits[one].key) for one in checkpoints for tta in views}
        missing = sum(not (store / name).is_dir() for name in names)
        try:
            make_room(store, names, missing * grid.num_bytes, round(settings.store_gb * 1e9))
            return grid
        except BadInput as error:
            if side == 256:
                raise
            evidence.note("native size", f"256 x 256 pixels of each photo decide: {error}")
    raise AssertionError


def offer_tta(pool: Pool, offered: Candidates, settings: SearchSettings, best: Outcome, evidence: Evidence) -> Outcome:
    """Show the members more views where that was asked for, or helps."""
    if settings.tta == "none":
        return best
    tta = "flip" if settings.tta == "auto" else settings.tta
    members = best.choice.members
    predicted = pool.predict(tta, [list(pool.checkpoints)[member] for member in members])
    offered.predictions.update({(member, tta): one for member, one in zip(members, predicted, strict=True)})
    forced = settings.tta != "auto"
    return evidence.offer(best, with_tta(offered, best.choice, tta, forced), forced)


def describe(pool: Pool, settings: SearchSettings, best: Outcome, evidence: Evidence) -> Ensemble:
    """What `ensemble.json` says."""
    plan: Plan = best.choice
    ids, split = list(pool.checkpoints), open_split_of(pool)
    labels, _ = pool.data.labels(pool.data.read("val"))
    members = []
    for number in plan.members:
        config, weights = read_config(pool.checkpoints[ids[number]]), plan.mixture.weights[number]
        member = Member(
            ids[number],
            float(plan.mixture.shares[number]),
            config.predict_size,
            *map(list, normalisation(config)),
            tta=plan.tta[number],
            class_weights=[] if np.ptp(weights) == 0 else weights.tolist(),
        )
        members.append(member)
    return Ensemble(
        members=members,
        class_names=pool.grid.class_names,
        categories={str(category): label for category, label in labels.items()},
        val_miou=best.val_miou,
        val_miou_crossfit=best.held_out_miou,
        val_interval=interval(best.held_out),
        class_offsets=plan.mixture.offsets.tolist() if plan.mixture.offsets.any() else [],
        evidence=evidence.rows,
        provenance={
            "search": settings.name,
            "candidates": ids,
            "data": split.key,
            "pixels": "native" if pool.grid.side is None else f"{pool.grid.side} x {pool.grid.side}",
            "version": __version__,
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        },
    )
