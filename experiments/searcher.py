"""The searcher: Optuna behind Ray's Searcher interface, told the truth about stopped and failed trials."""

import math
import warnings
from collections.abc import Callable, Set
from typing import Any

import optuna
from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.trial import TrialState
from ray.tune.search import Searcher

from experiments.journal import Journal, TrialRecord
from experiments.policy.promotion import PromotionAsha
from experiments.policy.samplers import SamplerView, build_sampler
from experiments.policy.standing import standings

Space = Callable[[Any], None]


class PinnedTrial:
    """An Optuna trial in which some names have a fixed value and are not suggested."""

    def __init__(self, trial: optuna.Trial, pins: dict[str, Any]) -> None:
        self._trial, self._pins = trial, pins

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """As `optuna.Trial.suggest_categorical`."""
        return self._pins[name] if name in self._pins else self._trial.suggest_categorical(name, choices)

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> Any:
        """As `optuna.Trial.suggest_float`."""
        return (
            self._pins[name] if name in self._pins else self._trial.suggest_float(name, low, high, step=step, log=log)
        )

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> Any:
        """As `optuna.Trial.suggest_int`."""
        return self._pins[name] if name in self._pins else self._trial.suggest_int(name, low, high, step=step, log=log)


class OptunaSearcher(Searcher):
    """Proposes trials; the journal is its memory, so a new one over the same journal goes on where the old one was.

    A trial that ASHA stopped is told to Optuna as PRUNED with its intermediate values, a failed one as FAIL, a full
    one as COMPLETE with its best value. For the proposals all trials that reached the first rung are ranked by their
    standing, whether they run, wait or ended (`samplers.SamplerView`). Proposals are a function of the seed, the
    trial's number and what is known.
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
        sampler: str = "tpe",
        promotion: PromotionAsha | None = None,
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
        """
        super().__init__(metric=objective, mode="max")
        self._space, self._journal, self._objective = space, journal, objective
        self._num_trials, self._max_concurrent, self._seed, self._pins = num_trials, max_concurrent, seed, pins or {}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        self._view = SamplerView()
        self.study = optuna.create_study(direction="maximize", storage=self._view)
        self._cut, self._first_rung, self._sampler, self._promotion = cut, first_rung, sampler, promotion
        build_sampler(sampler, seed, 0, num_trials, space)  # refuses one that there is not
        self._numbers: dict[str, int] = {}
        self._keys: dict[str, str] = {}
        if first_point is not None and not journal.trials:
            self.study.enqueue_trial(first_point)
        for record in journal.trials.values():
            self._remember(record)
        self._waiting = [record for record in journal.trials.values() if record.status is None]

    def __getstate__(self) -> dict[str, Any]:
        """Leave nothing for Ray to store: every start makes a new one over the journal."""
        return {}

    def _remember(self, record: TrialRecord) -> None:
        """Put a trial of the journal into the study, in the state it had."""
        distributions = {name: json_to_distribution(text) for name, text in record.distributions.items()}
        state, value = _outcome(record, self._objective)
        frozen = optuna.trial.create_trial(
            state=state,
            value=value,
            params=record.params,
            distributions=distributions,
            intermediate_values={
                epoch: m[self._objective] for epoch, m in record.epochs.items() if self._objective in m
            },
        )
        self._numbers[record.key] = len(self.study.get_trials(deepcopy=False))
        self.study.add_trial(frozen)

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
        trial = self.study.ask()
        self._pinned_space(trial)
        self._view.standing = None
        note = "tpe:relative_params:0"  # for other processes; a resume would not have it, and propose something else
        if note in self.study._storage.get_trial_system_attrs(trial._trial_id):
            self.study._storage.set_trial_system_attr(trial._trial_id, note, "")
        distributions = {name: distribution_to_json(kind) for name, kind in trial.distributions.items()}
        record = self._journal.add_trial(dict(trial.params), distributions, {**trial.params, **self._pins})
        self._numbers[record.key] = trial.number
        return record

    def _pinned_space(self, trial: Any) -> None:
        """The space without what is pinned."""
        self._space(PinnedTrial(trial, self._pins))

    def _standings(self) -> dict[str, float]:
        """The values that the sampler sees. Younger trials are left out: early ranks mislead."""
        known = [
            record
            for record in self._journal.trials.values()
            if record.status == "finished" or max(record.epochs, default=0) >= self._first_rung
        ]
        return standings(known, self._objective)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing to do: the journal's callback records every report, this one included."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Record how the trial ended, and tell Optuna."""
        key = self._keys.pop(trial_id, None)
        if key is None:
            return
        record = self._journal.trials[key]
        if record.status is None:
            status = "failed" if error else "stopped" if trial_id in self._cut else "finished"
            self._journal.end_trial(key, status, "the process died" if error else None)
        number = self._numbers[key]
        frozen = self.study.get_trials(deepcopy=False)[number]
        for epoch, metrics in record.epochs.items():
            if self._objective in metrics and epoch not in frozen.intermediate_values:
                self.study._storage.set_trial_intermediate_value(frozen._trial_id, epoch, metrics[self._objective])
        state, value = _outcome(record, self._objective)
        self.study.tell(number, value, state=state)

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the journal is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: the journal is the state."""


def _outcome(record: TrialRecord, objective: str) -> tuple[TrialState, float | None]:
    """Optuna's state and final value of a trial. One without a usable value is PRUNED, never a bad COMPLETE."""
    best = record.best(objective)
    match record.status:
        case None:
            return TrialState.RUNNING, None
        case "failed":
            return TrialState.FAIL, None
        case "finished" if best is not None and math.isfinite(best[1]):
            return TrialState.COMPLETE, best[1]
        case _:
            return TrialState.PRUNED, None
