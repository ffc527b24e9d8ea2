"""Optuna's samplers by name, and what they see of a search."""

import copy
import importlib.util
from collections.abc import Callable, Container
from typing import Any, Literal, get_args

import optuna
from optuna.trial import FrozenTrial, TrialState

from experiments.policy.forest_sampler import ForestSampler
from trashseg_core.errors import BadInput

SamplerName = Literal["mixed", "tpe", "forest", "gp", "cmaes", "random", "qmc"]
MAX_RANDOM = 10
"""Trials at most that a model-based sampler draws at random before it has a model: Optuna's own default."""
FOREST_FROM = 24
"""The trial from which `mixed` asks TPE and the forest in turn. TPE finds its way sooner, the forest gets further."""
_MIXED = ("tpe", "forest")
FOREST_RANDOM = 6
"""The same for the forest, which needs fewer: half of its candidates are random ones at any time."""


def build_sampler(
    name: str, seed: int, number: int, num_trials: int, space: Callable[[Any], None]
) -> optuna.samplers.BaseSampler:
    """Create the sampler of one trial. A fresh one per trial proposes the same after a resume.

    Args:
        name: one of `SamplerName`.
        seed: of the search.
        number: of the trial.
        num_trials: trials in all; short searches draw fewer at random.
        space: what the trial will be proposed from.

    Raises:
        BadInput: an unknown name, or a package that is not there.
    """
    own_seed = (seed * 100_003 + number) % 2**32
    num_random = min(MAX_RANDOM, max(4, num_trials // 4))
    match name:
        case "mixed":
            return build_sampler(_MIXED[number >= FOREST_FROM and number % 2], seed, number, num_trials, space)
        case "forest":
            return ForestSampler(space, own_seed, min(FOREST_RANDOM, num_random))
        case "tpe":
            return optuna.samplers.TPESampler(
                seed=own_seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=num_random
            )
        case "gp":
            return optuna.samplers.GPSampler(seed=own_seed, n_startup_trials=num_random)
        case "cmaes":
            if importlib.util.find_spec("cmaes") is None:
                raise BadInput("`--sampler cmaes` needs the package cmaes: pip install cmaes. Or take another sampler.")
            return optuna.samplers.CmaEsSampler(
                seed=own_seed, n_startup_trials=num_random, warn_independent_sampling=False
            )
        case "random":
            return optuna.samplers.RandomSampler(seed=own_seed)
        case "qmc":
            return _NumberedQmc(seed, number, optuna.samplers.RandomSampler(seed=own_seed))
    raise BadInput(f"The value of `--sampler` is {name!r}, but must be one of {', '.join(get_args(SamplerName))}.")


class _NumberedQmc(optuna.samplers.QMCSampler):
    """Sobol's sequence, scrambled, whose point is the trial's number: Optuna would count anew after a resume."""

    def __init__(self, seed: int, number: int, independent_sampler: optuna.samplers.BaseSampler) -> None:
        super().__init__(
            seed=seed, scramble=True, independent_sampler=independent_sampler, warn_independent_sampling=False
        )
        self._number = number

    def _find_sample_id(self, study: optuna.Study, search_space: dict[str, Any]) -> int:
        return self._number


class SamplerView(optuna.storages.InMemoryStorage):
    """A study's trials as the sampler is to see them.

    The study holds what was told: COMPLETE, PRUNED, FAIL or RUNNING. Samplers would read that wrongly: running and
    paused trials count as bad guesses, failed ones not at all, and pruned ones by their length. While `standing` is
    set, each trial that it names is shown as COMPLETE with that value, and a failed one as PRUNED without a value,
    which TPE takes for the worst.
    """

    def __init__(self) -> None:
        super().__init__()
        self.standing: dict[int, float] | None = None
        """Value by trial number, higher is better; None shows the trials as they are."""
        self.cost: dict[int, float] | None = None
        """Second value by trial number, lower is better; None in a study with one objective."""

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """As `optuna.storages.BaseStorage.get_all_trials`."""
        if self.standing is None or states == (TrialState.WAITING,):  # what `Study.ask` wants to know; none is shown so
            return super().get_all_trials(study_id, deepcopy, states)
        shown = [self._show(trial) for trial in super().get_all_trials(study_id, deepcopy=False)]
        chosen = [trial for trial in shown if states is None or trial.state in states]
        return copy.deepcopy(chosen) if deepcopy else chosen

    def _show(self, trial: FrozenTrial) -> FrozenTrial:
        assert self.standing is not None
        value = self.standing.get(trial.number)
        values = None if value is None else [value]
        if values is not None and self.cost is not None:
            values = [*values, self.cost[trial.number]] if trial.number in self.cost else None
        stripped = (TrialState.FAIL,) if self.cost is None else (TrialState.FAIL, TrialState.PRUNED)
        if values is None and trial.state not in stripped:  # TPE takes no intermediate values beside two objectives
            return trial
        shown: Any = FrozenTrial.__new__(FrozenTrial)
        vars(shown).update(vars(trial))  # ten times as fast as `copy.copy`
        shown.state = TrialState.PRUNED if values is None else TrialState.COMPLETE
        shown.values = values
        shown.intermediate_values = {}
        return shown
