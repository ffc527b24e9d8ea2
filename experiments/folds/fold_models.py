"""The models of the folds: which configurations they are of, where they lie, and what they score together."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from experiments.checkpoints.keeper import with_weights
from experiments.folds.fold_search import RESULTS, folds_folder
from experiments.results import TrialResult, candidates, rank, read_results
from experiments.settings import SearchSettings
from trashseg_core.bootstrap import miou_interval
from trashseg_core.checkpoint import read_confusions
from trashseg_core.confusion import miou
from trashseg_core.errors import BadInput


def fold_sources(settings: SearchSettings) -> list[TrialResult]:
    """The trials of the search whose configurations are trained on all folds: the top k, best first."""
    every = rank(read_results(settings.folder / RESULTS), settings.objective)
    return candidates(with_weights(every, settings.folder), settings.top_k)


def fold_models(settings: SearchSettings) -> dict[str, list[Path]]:
    """The checkpoints of each configuration that has a model of every fold, fold 0 first; best configuration first."""
    folder, models = folds_folder(settings), dict[str, list[Path]]()
    rows = read_results(folder / RESULTS, settings.folder)
    trained = {
        (one.config["source"], one.config["fold"]): one for one in rows if {"source", "fold"} <= one.config.keys()
    }
    usable = {place: one for place, one in trained.items() if with_weights([one], folder)}
    for source in fold_sources(settings):
        places = [(source.trial_id, fold) for fold in range(1, settings.folds or 1)]
        if all(place in usable and usable[place].status != "failed" for place in places):
            own = settings.folder / str(source.checkpoint)
            models[source.trial_id] = [own, *(folder / str(usable[place].checkpoint) for place in places)]
    return models


@dataclass(frozen=True)
class OutOfFold:
    """What a configuration scores on all labelled photos, each one by the model that never saw its fold.

    The epoch of each model is the best one on its own fold, so that the scores flatter a little, as val's do.
    """

    folds: list[np.ndarray]
    """Per-image confusion matrices int64 (N, C, C) of each fold."""

    @property
    def per_fold(self) -> list[float]:
        """mIoU of each fold's model on its fold."""
        return [float(miou(one.sum(axis=0))) for one in self.folds]

    @property
    def pooled(self) -> float:
        """mIoU of all photos together."""
        return float(miou(sum(one.sum(axis=0) for one in self.folds)))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """90 % interval of `pooled`."""
        return miou_interval(np.concatenate(self.folds))


def out_of_fold(settings: SearchSettings) -> dict[str, OutOfFold]:
    """Scores of the configurations that have a model of every fold, by trial; empty before there are any."""
    try:
        models = fold_models(settings)
        return {name: OutOfFold([read_confusions(one).per_image for one in paths]) for name, paths in models.items()}
    except BadInput:  # the folds are not trained yet, or checkpoints were deleted to save space
        return {}
