"""The searcher: Optuna behind Ray's Searcher interface, told the truth about stopped and failed trials."""

import warnings
from collections.abc import Callable, Sequence, Set
from typing import Any

import optuna
from optuna.distributions import distribution_to_json
from ray.tune.search import Searcher

from experiments.failures import DIED
from experiments.journal import Journal, TrialRecord
from experiments.limits import Limits
from experiments.points.frozen_trials import frozen_trial, outcome, recorded_distributions
from experiments.points.pinned_trial import PinnedTrial
from experiments.points.space_check import values_of
from experiments.policy.promotion import PromotionAsha
from experiments.policy.samplers import SamplerView, build_sampler
from experiments.policy.standing import standings

Space = Callable[[Any], None]


class OptunaSearcher(Searcher):
    """Proposes trials; the journal is its memory, so a new one over the same journal goes on where the old one was.

    A trial that ASHA stopped is told to Optuna as PRUNED with its intermediate values, a failed one as FAIL, a full
    one as COMPLETE with its best value. One that broke a limit counts as failed elsewhere, but is PRUNED here with
    its constraints, so that the sampler learns by how much it did. For the proposals all trials that reached the first
    rung are ranked by their standing, whether they run, wait or ended (`samplers.SamplerView`). Proposals are a
    function of the seed, the trial's number and what is known.

    Trials of earlier searches come first in the study. They are no trials of this one: not in the journal, not on
    the rungs. Where their trainings were of another length, their standing is the one among their like, since the
    schedule of the learning rate spans a whole training.
    """

    def __init__(
        self,
        space: Space,
        journal: Journal,
        objective: str,
        num_trials: int,
        max_concurrent: int,
        seed: int = 0,
        pins: dict[str, Any] | None = None,
        first_point: dict[str, Any] | None = None,
        cut: Set[str] = frozenset(),
        *,
        first_rung: int = 1,
        sampler: str = "mixed",
        promotion: PromotionAsha | None = None,
        points: Sequence[dict[str, Any]] = (),
        warm: Sequence[TrialRecord] = (),
        second_objective: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Create a searcher over a journal.

        Args:
            num_trials: trials in all, those of the journal included.
            max_concurrent: trials that may run side by side.
            pins: values that are not suggested but the same in all trials.
            first_point: suggested values of the first trial.
            cut: ids of the trials that the scheduler stopped early; it grows while the search runs.
            first_rung: epochs before which a running trial is no news for the sampler.
            sampler: name of the sampler (`samplers.build_sampler`).
            promotion: the scheduler, where it lets trials pause: those count as not running.
            points: suggested values of the trials after the first one.
            warm: trials of earlier searches, whose params are points of this space.
            second_objective: metric to minimise beside `objective`.
            limits: bounds on metrics, of which the sampler is told as constraints.
        """
        super().__init__(metric=objective, mode="max")
        self._space, self._journal, self._objective = space, journal, objective
        self._num_trials, self._max_concurrent, self._seed, self._pins = num_trials, max_concurrent, seed, pins or {}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        self._view = SamplerView()
        self._second, self._limits = second_objective, limits or Limits()
        directions: Any = ["maximize"] if second_objective is None else ["maximize", "minimize"]
        self.study = optuna.create_study(directions=directions, storage=self._view)
        self._cut, self._first_rung, self._sampler, self._promotion = cut, first_rung, sampler, promotion
        build_sampler(sampler, seed, 0, num_trials, space)  # refuses one that there is not
        self._numbers: dict[str, int] = {}
        self._keys: dict[str, str] = {}
        self._points = [*([first_point] if first_point is not None else []), *points]
        self._warm = list(warm)
        for record in [*self._warm, *journal.trials.values()]:
            self._remember(record)
        self._waiting = [record for record in journal.trials.values() if record.status is None]

    def __getstate__(self) -> dict[str, Any]:
        """Leave nothing for Ray to store: every start makes a new one over the journal."""
        return {}

    def _remember(self, record: TrialRecord) -> None:
        """Put a trial of the journal, or of an earlier search, into the study, in the state it had."""
        distributions = self._distributions(record)
        frozen = frozen_trial(record, distributions, self._objective, self._second, self._limits)
        self._numbers[record.key] = len(self.study.get_trials(deepcopy=False))
        self.study.add_trial(frozen)

    def _distributions(self, record: TrialRecord) -> dict[str, Any]:
        """Where the trial's params came from; those of an earlier search get what this space would suggest them of."""
        if record.distributions:
            return recorded_distributions(record)
        trial = optuna.trial.FixedTrial(record.params)
        self._space(PinnedTrial(trial, self._pins))
        return dict(trial.distributions)

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Accept what `TuneConfig` says; it is what the searcher was made with."""
        return True

    # Ray's annotation leaves out the text FINISHED, which its docs and its controller know.
    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """Return the next trial's params with its `trial_key`; None while enough trials run; FINISHED at the end."""
        sleeper = self._next_sleeper()
        if sleeper is not None:
            record = sleeper
        elif self._num_running() >= self._max_concurrent:
            return None
        elif self._waiting:
            record = self._waiting.pop(0)
        elif self._promotion is not None and self._promotion.has_promotable():
            return None
        elif len(self._journal.trials) < self._num_trials:
            record = self._propose()
        else:  # FINISHED, said early, would cost the trials yet to be promoted their warm processes
            return None if self._promotion is not None and self._keys else self.FINISHED
        self._keys[trial_id] = record.key
        return {**record.config, "trial_key": record.key}

    def _next_sleeper(self) -> TrialRecord | None:
        """The next trial that waited at its rung when the search was killed: Ray is to know it, not to start it."""
        if self._promotion is None:
            return None
        sleepers = [record for record in self._waiting if self._promotion.sleeps(record.key)]
        if not sleepers:
            return None
        self._waiting.remove(sleepers[0])
        return sleepers[0]

    def _num_running(self) -> int:
        """Trials that have a slot or wait for one."""
        return len(self._keys.keys() - self._promotion.paused) if self._promotion is not None else len(self._keys)

    def _propose(self) -> TrialRecord:
        number = len(self._journal.trials)
        self.study.sampler = build_sampler(self._sampler, self._seed, number, self._num_trials, self._pinned_space)
        self._view.standing = {self._numbers[key]: value for key, value in self._standings().items()}
        self._view.cost = self._costs()
        if number < len(self._points):
            self.study.enqueue_trial(self._points[number])
        trial = self.study.ask()
        self._pinned_space(trial)
        self._view.standing = None
        note = "tpe:relative_params:0"  # for other processes; a resume would not have it, and propose something else
        if note in self.study._storage.get_trial_system_attrs(trial._trial_id):
            self.study._storage.set_trial_system_attr(trial._trial_id, note, "")
        distributions = {name: distribution_to_json(kind) for name, kind in trial.distributions.items()}
        notes = self.study._storage.get_trial_system_attrs(trial._trial_id)
        record = self._journal.add_trial(
            dict(trial.params),
            distributions,
            values_of(self._space, trial.params, self._pins),
            {name: value for name, value in notes.items() if name.startswith("cma:")},  # CMA-ES goes on from these
        )
        self._numbers[record.key] = trial.number
        return record

    def _pinned_space(self, trial: Any) -> None:
        """The space without what is pinned."""
        self._space(PinnedTrial(trial, self._pins))

    def _standings(self) -> dict[str, float]:
        """The values that the sampler sees. Younger trials are left out: early ranks mislead."""
        lengths: dict[Any, list[TrialRecord]] = {}
        for record in [*self._warm, *self._journal.trials.values()]:
            if record.status == "finished" or max(record.epochs, default=0) >= self._first_rung:
                lengths.setdefault(record.config.get("epochs"), []).append(record)
        found: dict[str, float] = {}
        for known in lengths.values():
            if len(known) > 1 or known[0].key in self._journal.trials:
                found |= standings(known, self._objective)
        return found

    def _costs(self) -> dict[int, float] | None:
        """Second objective by trial number; None where there is only one."""
        if self._second is None:
            return None
        costs = {record.key: record.typical(self._second) for record in [*self._warm, *self._journal.trials.values()]}
        return {self._numbers[key]: cost for key, cost in costs.items() if cost is not None}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Tell Optuna of the limits; the journal's callback records every report, this one included."""
        key = self._keys.get(trial_id)
        if key is not None and result.get("epoch") == 1:
            self._tell_constraints(key, result)

    def _tell_constraints(self, key: str, metrics: dict[str, Any]) -> None:
        frozen = self.study.get_trials(deepcopy=False)[self._numbers[key]]
        for metric, excess in self._limits.excesses(metrics).items():
            self.study._storage.set_trial_system_attr(frozen._trial_id, f"constraints:{metric}", excess)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Record how the trial ended, and tell Optuna."""
        key = self._keys.pop(trial_id, None)
        if key is None:
            return
        record = self._journal.trials[key]
        if record.status is None:
            status = "failed" if error else "stopped" if trial_id in self._cut else "finished"
            self._journal.end_trial(key, status, DIED if error else None)
        number = self._numbers[key]
        frozen = self.study.get_trials(deepcopy=False)[number]
        for epoch, metrics in record.epochs.items():
            if self._objective in metrics and epoch not in frozen.intermediate_values:
                self.study._storage.set_trial_intermediate_value(frozen._trial_id, epoch, metrics[self._objective])
        state, values = outcome(record, self._objective, self._second)
        self._tell_constraints(key, record.first_metrics)
        # `Study.tell` would give a PRUNED trial its last intermediate value for a final one, and a resume would not.
        self._view.set_trial_state_values(frozen._trial_id, state, values)

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the journal is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: the journal is the state."""
