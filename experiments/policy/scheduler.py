"""The stopping scheduler: Ray's ASHA with rungs that survive a restart."""

import math
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from experiments.journal import Journal
from experiments.policy.rungs import milestones


class RestoredAsha(AsyncHyperBandScheduler):
    """Asynchronous successive halving (Li et al., arXiv 1810.05934) whose rungs are rebuilt from the journal.

    Tune saves no scheduler state; without this, every trial after a resume would meet empty rungs and pass. A trial is
    judged by its best value so far, so that one noisy epoch at a rung does not end it. The rungs are those of the
    promotion scheduler: Ray's, counted up from the first one, may judge a few epochs before the end.
    """

    def __init__(
        self, journal: Journal, objective: str, epochs: int, grace_period: int, reduction_factor: float
    ) -> None:
        super().__init__("epoch", max_t=epochs, grace_period=grace_period, reduction_factor=reduction_factor)
        self._brackets[0]._rungs = [(rung, {}) for rung in reversed(milestones(epochs, grace_period, reduction_factor))]
        self._objective_name = objective
        self.cut: set[str] = set()
        """Ray ids of the trials that were stopped early."""
        self._best: dict[str, float] = {
            key: best[1] for key, record in journal.trials.items() if (best := record.best(objective)) is not None
        }
        for milestone, recorded in self._rungs():
            for record in journal.trials.values():
                if record.infeasible:
                    continue
                reached = [epoch for epoch in record.epochs if epoch >= milestone and objective in record.epochs[epoch]]
                if reached:
                    until = [one for one in record.epochs if one <= min(reached) and objective in record.epochs[one]]
                    recorded[record.key] = max(record.epochs[one][objective] for one in until)

    def _rungs(self) -> list[tuple[float, dict[str, float]]]:
        return self._brackets[0]._rungs

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Give a resumed trial its own entries back, so that it is not judged, or counted, twice."""
        super().on_trial_add(tune_controller, trial)
        key = trial.config.get("trial_key")
        for _, recorded in self._rungs():
            if key in recorded:
                recorded[trial.trial_id] = recorded.pop(key)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Decide as ASHA does; a value that is not finite ends the trial, which ASHA alone would never do."""
        value = result.get(self._objective_name)
        if value is not None and not math.isfinite(value):
            return TrialScheduler.STOP
        if value is not None:
            key = trial.config["trial_key"]
            value = self._best[key] = max(value, self._best.get(key, value))
            result = {**result, self._objective_name: value}
        decision = super().on_trial_result(tune_controller, trial, result)
        if decision == TrialScheduler.STOP and result.get("epoch", 0) < self._max_t:
            self.cut.add(trial.trial_id)
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Forget a trial; its last report has been judged already."""
        self._trial_info.pop(trial.trial_id, None)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """Forget a trial that never ran."""
        self._trial_info.pop(trial.trial_id, None)
