"""The pool of an ensemble: a search's candidates, and what they predict on val."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.checkpoints.keeper import with_weights
from experiments.folds.fold_files import fold_files
from experiments.folds.fold_models import fold_models, fold_sources
from experiments.folds.fold_search import RESULTS
from experiments.results import candidates, rank, read_results
from experiments.settings import SearchSettings
from experiments.terminal import progress_line
from trashseg_core.checkpoint import read_config
from trashseg_core.config import TrialConfig
from trashseg_core.data.cache import CachedSplit, open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.evidence import Evidence
from trashseg_core.ensemble.grid import Grid, open_grid
from trashseg_core.ensemble.probabilities import FoldModel, StoredPrediction, make_room, predict_folds, prediction_name
from trashseg_core.ensemble.soup import cook, soup_groups
from trashseg_core.errors import BadInput
from trashseg_core.inference.tta import usable_sets

SIDE = 256
FLATTERED = "chosen on all of val, so that its held-out score is a little flattered"


@dataclass(frozen=True)
class Pool:
    """The candidates, best first."""

    models: dict[str, list[FoldModel]]
    """By trial id, or a soup's name: one model, or one for each fold of the photos."""
    data: DataFolder
    """Its val holds the photos to choose by."""
    grid: Grid
    store: Path
    """Folder of their predictions."""
    budget: int
    """Most bytes of that folder."""

    @property
    def ids(self) -> list[str]:
        """Names of the candidates, in order."""
        return list(self.models)

    def config(self, name: str) -> TrialConfig:
        """Configuration of a candidate."""
        return read_config(self.models[name][0].checkpoint)

    @property
    def split(self) -> CachedSplit:
        """Val at the size of the best candidate."""
        return open_split(self.data, "val", self.config(self.ids[0]).predict_size)

    def make_room(self, members: Sequence[int] = (), tta: str = "none") -> None:
        """Make room for what every candidate predicts, and some of them with more views; what is in use stays.

        Raises:
            BadInput: that takes more than the budget or the disk has.
        """
        wanted = [(number, "none") for number in range(len(self.ids))] + [(number, tta) for number in members]
        names = set()
        for number, views in wanted:
            name = self.ids[number]
            key = open_split(self.data, "val", self.config(name).predict_size).key
            names.add(prediction_name(self.models[name], views, self.grid, key))
        missing = sum(not (self.store / name).is_dir() for name in names)
        make_room(self.store, names, missing * self.grid.num_bytes, self.budget)

    def predict(self, numbers: list[int], tta: str = "none") -> list[StoredPrediction]:
        """Predict val with some candidates; what is in the store already takes no time."""
        show = progress_line(f"candidates predicted{'' if tta == 'none' else f' with TTA {tta}'}")
        predictions = []
        for done, number in enumerate(numbers, 1):
            models = self.models[self.ids[number]]
            predictions.append(predict_folds(models, self.data, self.grid, self.store, tta))
            show(done, len(numbers))
        return predictions


def open_pool(folder: Path, settings: SearchSettings, evidence: Evidence) -> Pool:
    """Choose the candidates of a search, and open a grid that the disk takes.

    Raises:
        BadInput: no trial left a checkpoint, a network does not take the views that were asked for, or the
            predictions need more disk than there is.
    """
    if settings.folds is None:
        data, checkpoints = settings.data_folder, _checkpoints(folder, settings, evidence)
        (best, *_), *_ = checkpoints.values()
        stops = [len(open_split(data, "val", read_config(best).predict_size))]
    else:
        files = fold_files(settings)
        data, checkpoints, stops = files.pooled, _fold_checkpoints(settings, evidence), files.stops
    models = {
        name: [FoldModel(*pair) for pair in zip(paths, stops, strict=True)] for name, paths in checkpoints.items()
    }
    for name, (first, *_) in models.items():
        usable = usable_sets(read_config(first.checkpoint))
        if settings.first_tta not in usable:
            raise BadInput(
                f"The value of `--tta` is {settings.tta!r}, but the network of {name} takes one image size only. "
                f"Choose one of auto, {', '.join(usable)}."
            )
    split = open_split(data, "val", read_config(next(iter(models.values()))[0].checkpoint).predict_size)
    native = Pool(models, data, open_grid(split), folder / "predictions", round(settings.store_gb * 1e9))
    return _fitting(native, split, settings, evidence)


def _checkpoints(folder: Path, settings: SearchSettings, evidence: Evidence) -> dict[str, list[Path]]:
    """The trials to choose from, and soups of them where wanted: one model each."""
    every = rank(read_results(folder / "results.json"), settings.objective)
    ranked = with_weights(every, folder)
    wanted = ranked if settings.pool == "top-k" else [one for one in ranked if one.status == "finished"]
    chosen = candidates(wanted, settings.top_k if settings.pool == "top-k" else len(wanted))
    if settings.pool == "top-k" and len(chosen) < min(settings.top_k, len(every)):
        evidence.note("candidates", f"{len(chosen)} with weights, fewer than `--top-k {settings.top_k}`")
    checkpoints = {result.trial_id: folder / str(result.checkpoint) for result in chosen}
    if settings.soup == "on":
        scores = {result.trial_id: result.val_miou or 0.0 for result in chosen}
        checkpoints |= _soups(checkpoints, scores, settings.data_folder, folder / "soups", evidence)
    return {name: [checkpoint] for name, checkpoint in checkpoints.items()}


def _fold_checkpoints(settings: SearchSettings, evidence: Evidence) -> dict[str, list[Path]]:
    """The configurations that have a model of every fold.

    Raises:
        BadInput: none has.
    """
    wanted, models = fold_sources(settings), fold_models(settings)
    missing = [one.trial_id for one in wanted if one.trial_id not in models]
    if not models:
        place = fold_files(settings).folder / RESULTS
        raise BadInput(f"No configuration has a model of each of the {settings.folds} folds. {place} says why.")
    if missing:
        evidence.note("candidates", f"{', '.join(missing)} left out: no model of every fold")
    if settings.soup == "on":
        evidence.note("soup", "not tried: with folds, every candidate is several models already")
    return models


def _soups(
    checkpoints: dict[str, Path], scores: dict[str, float], data: DataFolder, folder: Path, evidence: Evidence
) -> dict[str, Path]:
    """Checkpoint folders of the soups that are more than their best ingredient."""
    soups = {}
    groups = soup_groups(checkpoints)
    for group in groups:
        soup = cook(group, checkpoints, scores, data, folder)
        reached = f"val mIoU {soup.val_miou:.4f}, best ingredient {scores[soup.ingredients[0]]:.4f}"
        if len(soup.ingredients) > 1:
            soups[soup.folder.name] = soup.folder
            why = f"mean of {', '.join(soup.ingredients)}: {reached}; {FLATTERED}"
            evidence.note(soup.folder.name, why, kept=True)
        else:
            evidence.note("soup", f"no other of {', '.join(soup.tried)} raises the best one: {reached}")
    if not groups:
        evidence.note("soup", "no two candidates share architecture and initialisation")
    return soups


def _fitting(native: Pool, split: CachedSplit, settings: SearchSettings, evidence: Evidence) -> Pool:
    """The pool on the grid that was asked for, or on the smaller one where the disk does not take it.

    More views of the members find their room later, or are not tried (`ensembling.offer_tta`).

    Raises:
        BadInput: the disk takes neither.
    """
    if settings.ensemble_size != str(SIDE):
        try:
            native.make_room()
            return native
        except BadInput as error:
            evidence.note("native size", f"{SIDE} x {SIDE} pixels of each photo decide instead. {error}")
    small = replace(native, grid=open_grid(split, SIDE))
    small.make_room()
    return small
