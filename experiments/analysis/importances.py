"""Importances: which hyperparameters told the best trials of a search from the rest."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import json_to_distribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from experiments.journal import TrialRecord

MIN_TRIALS = 16
"""Fewer tell nothing: with 25 hyperparameters every one looks important once."""
TOP_SHARE = 1 / 3
"""Who counts as the best. In made searches of 30 trials and 22 hyperparameters the one that mattered most came first in
5 of 8 cases; with the best fifth in 2; with fANOVA, which leaves conditional ones out, in 5 too."""
NUM_SHUFFLES, CHANCE_QUANTILE = 40, 0.95


@dataclass(frozen=True)
class Importance:
    """How much one hyperparameter mattered."""

    name: str
    share: float
    """Of the importance of all, which is 1."""
    chance: float
    """What it would reach in one of twenty searches in which nothing mattered."""


def importances(records: Mapping[str, TrialRecord], standing: Mapping[str, float]) -> list[Importance]:
    """PED-ANOVA (Watanabe et al., arXiv 2304.10255): how much the values of the best trials differ from those of all.

    Chance is found by dealing the standings out anew among the trials.

    Args:
        standing: of each trial that counts (`standings`); it compares trials of unequal length, as their last values
            would not.

    Returns:
        The most important first; empty with fewer than `MIN_TRIALS`.
    """
    trials = [key for key in standing if key in records]
    if len(trials) < MIN_TRIALS:
        return []
    study = _study([records[key] for key in trials])
    values = np.array([standing[key] for key in trials])
    found = _shares(study, values)
    rng = np.random.default_rng(0)
    by_chance = [_shares(study, rng.permutation(values)) for _ in range(NUM_SHUFFLES)]
    return [
        Importance(name, share, float(np.quantile([one[name] for one in by_chance], CHANCE_QUANTILE)))
        for name, share in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]


def _study(records: list[TrialRecord]) -> optuna.Study:
    """The trials as completed ones, numbered as in the list; their values come later."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study()
    finally:
        optuna.logging.set_verbosity(verbosity)
    for record in records:
        distributions: dict[str, Any] = {
            name: json_to_distribution(text) for name, text in record.distributions.items()
        }
        study.add_trial(optuna.create_trial(value=0.0, params=record.params, distributions=distributions))
    return study


def _shares(study: optuna.Study, values: np.ndarray) -> dict[str, float]:
    """Importance of each hyperparameter for a value, higher is better; they sum to 1."""
    evaluator = PedAnovaImportanceEvaluator(target_quantile=TOP_SHARE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it minimises the target, which is why the sign is turned
        return get_param_importances(study, evaluator=evaluator, target=lambda trial: -float(values[trial.number]))
