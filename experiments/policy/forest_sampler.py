"""ForestSampler: an Optuna sampler that asks a forest of regression trees which of many candidates looks best."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from experiments.policy.drawn_trial import DrawnTrial, Scale
from experiments.policy.forest import grow_forest

NUM_CANDIDATES = 150
"""Candidates drawn at random, and as many near the best trials."""
NUM_PARENTS = 5
"""Best trials that candidates are drawn near."""
NUM_TREES = 30
LOSER = 0.0
"""Standing of a trial that failed, or broke a limit."""

Known = list[tuple[dict[str, Any], float]]
"""Params and standing in [0, 1] of trials."""


class ForestSampler(optuna.samplers.BaseSampler):
    """Proposes the candidate that a random forest, with a random optimism, takes for the best.

    Random forests as a model over mixed and conditional spaces are SMAC's (Hutter et al., LION 2011), here of
    extremely randomised trees on normal scores of the trials' ranks. Half of the candidates lie near the best trials.
    The trees' mean plus |z| times their spread, z drawn anew from a normal for each proposal, is the upper confidence
    bound with random width (Berk et al., arXiv 2006.04296): proposals that are made side by side differ.

    The sampler reads trials as `SamplerView` shows them: COMPLETE with a standing, PRUNED without a value if failed.
    What breaks a limit says so in its constraints, whatever its state and standing.
    """

    def __init__(self, space: Callable[[Any], None], seed: int, num_random: int) -> None:
        """Create the sampler of one trial.

        Args:
            space: what the trial is proposed from; called with stand-ins for an Optuna trial, some hundred times.
            num_random: trials drawn at random before there is a model.
        """
        self._space, self._num_random = space, num_random
        self._rng = np.random.default_rng(seed)
        self._proposal: dict[str, Any] | None = None

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing: all dimensions come from `sample_independent`, as the space asks for them."""
        return {}

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
        """Nothing, see above."""
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the proposal's value of one dimension."""
        if self._proposal is None:
            self._proposal = self._propose(_known(study, self._rng))
        return self._proposal[param_name]

    def _propose(self, known: Known) -> dict[str, Any]:
        if len(known) < self._num_random:
            return self._draw().params
        known.sort(key=lambda one: -one[1])
        parents = [params for params, _ in known[:NUM_PARENTS]]
        drawn = [self._draw() for _ in range(NUM_CANDIDATES)]
        drawn += [self._draw(parents[self._rng.integers(len(parents))]) for _ in range(NUM_CANDIDATES)]
        scales = {name: scale for one in drawn for name, scale in one.scales.items()}
        rows = encode([params for params, _ in known] + [one.params for one in drawn], scales)
        scores = self._scores(rows[: len(known)], [standing for _, standing in known], rows[len(known) :])
        ranked = [drawn[place].params for place in np.argsort(-scores, kind="stable")]
        fresh = (params for params in ranked if not any(params == tried for tried, _ in known))
        return next(fresh, ranked[0])

    def _draw(self, near: dict[str, Any] | None = None) -> DrawnTrial:
        trial = DrawnTrial(self._rng, near)
        self._space(trial)
        return trial

    def _scores(self, rows: np.ndarray, standings: Sequence[float], candidates: np.ndarray) -> np.ndarray:
        """How good each candidate may be."""
        quantile, count = statistics.NormalDist().inv_cdf, len(standings)
        targets = np.array([quantile((standing * (count - 1) + 0.5) / count) for standing in standings])
        num_tried = max(1, math.ceil(rows.shape[1] / 2))
        forest = grow_forest(rows, targets, NUM_TREES, num_tried, int(self._rng.integers(2**31)))
        found = forest.predict(candidates)
        return found.mean(axis=0) + abs(self._rng.standard_normal()) * found.std(axis=0)


def _known(study: optuna.Study, rng: np.random.Generator) -> Known:
    """The trials that there is an opinion on. Of two objectives one mix is drawn (ParEGO, Knowles 2006)."""
    weight = rng.random() if len(study.directions) > 1 else 1.0
    trials = study.get_trials(deepcopy=False)
    costs = sorted(trial.values[1] for trial in trials if trial.values and len(trial.values) > 1)
    known: Known = []
    for trial in trials:
        if trial.state.is_finished() and any(excess > 0 for excess in trial.constraints.values()):
            known.append((trial.params, LOSER))
        elif trial.state == TrialState.COMPLETE and trial.values:
            standing = trial.values[0]
            if weight < 1:
                cheaper = 1 - np.searchsorted(costs, trial.values[1]) / len(costs)
                standing = weight * standing + (1 - weight) * float(cheaper)
            known.append((trial.params, standing))
        elif trial.state == TrialState.PRUNED and not trial.intermediate_values:
            known.append((trial.params, LOSER))
    return known


def encode(points: Sequence[dict[str, Any]], scales: dict[str, Scale]) -> np.ndarray:
    """Points as rows of numbers: a column for each number, one for each choice.

    A dimension that a point lacks lies below all its values, as far as they are apart, and is none of the choices.
    """
    columns: list[np.ndarray] = []
    for name, scale in scales.items():
        values = [point.get(name) for point in points]
        if isinstance(scale, tuple):
            number = {choice: place for place, choice in enumerate(scale)}
            places = np.array([number.get(value, -1) for value in values])
            columns += [(places == place).astype(float) for place in range(len(scale))]
            continue
        column = np.array([math.nan if value is None else value for value in values], float)
        column = np.log(column) if scale else column
        low, high = np.nanmin(column), np.nanmax(column)
        columns.append(np.where(np.isnan(column), 2 * low - high, column))
    return np.column_stack(columns)
