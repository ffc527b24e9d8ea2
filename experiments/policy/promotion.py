"""The promotion scheduler: trials pause at a rung, and only the best are resumed."""

import math
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from experiments.journal import Journal
from experiments.policy.rungs import Rungs

STRICTNESS = 5 / 3
"""While new trials come, so many times fewer than 1/N go on: a few epochs of a new trial tell the sampler more. In the
replay, one in five instead of one in three finds random search's incumbent sooner, and ends nearer to the best."""
GAVE_WAY = "gave way to better trials: the room of `--disk-gb` was spent"
"""On record for a trial that was given up: a restart would not know it from one that was stopped at the end."""


class PromotionAsha(FIFOScheduler):
    """Asynchronous successive halving in its promotion form (Li et al., arXiv 1810.05934, Algorithm 2).

    Every trial waits at each rung. A free slot resumes the best trial among the top of the highest rung that has one
    waiting, else it takes a new trial. The top is less than 1/N as long as new ones come (`STRICTNESS`), and 1/N
    after that, but at least the best `full_trials` of those that did not fail; the rest is stopped. What waits where
    is a function of the journal, so a restart changes no decision.
    """

    def __init__(
        self,
        journal: Journal,
        objective: str,
        epochs: int,
        grace_period: int,
        reduction_factor: float,
        num_trials: int,
        max_concurrent: int,
        second_objective: str | None = None,
        full_trials: int = 1,
    ) -> None:
        """Create a scheduler over a journal.

        Args:
            grace_period: epochs of the first rung.
            num_trials: trials in all; once the journal holds as many, no new ones come.
            max_concurrent: trials that may run side by side.
            second_objective: metric to minimise; rungs then promote by Pareto fronts (`Rungs`).
            full_trials: trials that every rung promotes at least, once no new ones come; failed ones are replaced.
        """
        super().__init__()
        self._journal, self._objective = journal, objective
        self._num_trials, self._max_concurrent = num_trials, max_concurrent
        self._second, self._full_trials = second_objective, full_trials
        self._rungs = Rungs(epochs, grace_period, reduction_factor, objective, second_objective)
        self._rungs.rebuild(journal.trials.values())
        self._keys: dict[str, str] = {}
        self._waiting: set[str] = {
            key
            for key, record in journal.trials.items()
            if record.status is None and self._rungs.reached(key) in self._rungs.milestones
        }
        self._resumed_at: dict[str, int] = {}
        self.cut: set[str] = set()
        """Ray ids of the trials that were stopped early."""
        self.given_up: set[str] = set()
        """Keys of the trials that are stopped to free what they hold."""
        self.paused: set[str] = set()
        """Ray ids of the trials that wait at a rung, and of those on their way there."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave nothing for Ray to store: every start makes a new one over the journal."""
        return {}

    def sleeps(self, key: str) -> bool:
        """Whether a trial of the journal waits at a rung, so that it is not to be started."""
        return key in self._waiting

    def has_promotable(self) -> bool:
        """Whether a waiting trial is due: the next free slot is its own."""
        return self._next() is not None

    def _next(self) -> str | None:
        trials = self._journal.trials
        if len(trials) < self._num_trials:
            return self._rungs.next_promotion(self._waiting, strictness=STRICTNESS)
        failed = {key for key, record in trials.items() if record.status == "failed" or record.error == GAVE_WAY}
        return self._rungs.next_promotion(self._waiting, self._full_trials, failed | self.given_up)

    def give_one_up(self) -> None:
        """Stop the waiting trial that is furthest from its promotion, when Tune asks next; nothing where none waits."""
        key = self._rungs.last_in_line(self._waiting)
        if key is not None:
            self._waiting.discard(key)
            self.given_up.add(key)

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Take a trial up; one that waited at a rung when the search was killed waits again."""
        if trial.trial_id in self._keys:
            return  # its process died, and it is tried again
        key = self._keys[trial.trial_id] = trial.config["trial_key"]
        if key in self._waiting:
            trial.init_local_path()  # which Tune does at a start, and needs at the end
            trial.set_status(Trial.PAUSED)
            self.paused.add(trial.trial_id)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Let a trial pause at its rung, unless it is the one to be promoted."""
        value, epoch = result.get(self._objective), result.get("epoch")
        if value is None or epoch is None:
            return TrialScheduler.CONTINUE
        key = self._keys[trial.trial_id]
        if not math.isfinite(value):
            return TrialScheduler.STOP
        due = self._resumed_at.pop(trial.trial_id, None)
        if due is not None and epoch not in (due, due + 1):
            reason = f"went on with epoch {epoch} after a pause at epoch {due}: its checkpoint is missing or damaged"
            self._journal.end_trial(key, "failed", reason)
            return TrialScheduler.STOP
        repeated = epoch < self._rungs.reached(key)
        self._rungs.enter(key, int(epoch), value, result.get(self._second) if self._second else None)
        if epoch >= self._rungs.epochs:
            return TrialScheduler.STOP
        if epoch not in self._rungs.milestones or repeated or due is not None and epoch == due:
            return TrialScheduler.CONTINUE
        self._waiting.add(key)
        if self._next() == key:
            self._waiting.discard(key)
            return TrialScheduler.CONTINUE
        self.paused.add(trial.trial_id)
        return TrialScheduler.PAUSE

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Return the trial for a free slot: one to promote, else a new one; stop the rest when none will be."""
        trials = [trial for trial in tune_controller.get_trials() if not trial.is_finished()]
        self._stop(tune_controller, [trial for trial in trials if self._keys[trial.trial_id] in self.given_up])
        pending = [trial for trial in trials if trial.status == Trial.PENDING]
        if pending:
            return pending[0]
        if sum(trial.status == Trial.RUNNING for trial in trials) >= self._max_concurrent:
            return None
        key = self._next()
        if key is None:
            if all(trial.trial_id in self.paused for trial in trials):
                self._end(tune_controller, trials)
            return None
        for trial in trials:
            if self._keys[trial.trial_id] == key and trial.status == Trial.PAUSED:
                self._waiting.discard(key)
                self.paused.discard(trial.trial_id)
                self._resumed_at[trial.trial_id] = self._rungs.reached(key)
                return trial
        return None

    def _end(self, tune_controller: Any, trials: list[Any]) -> None:
        """Stop those that wait for a promotion that will not come."""
        known = set(self._keys.values())
        open_keys = {key for key, record in self._journal.trials.items() if record.status is None}
        if len(self._journal.trials) < self._num_trials or not open_keys <= known:
            return
        self._stop(tune_controller, trials)

    def _stop(self, tune_controller: Any, trials: list[Any]) -> None:
        for trial in trials:
            if trial.status == Trial.PAUSED:
                self.cut.add(trial.trial_id)
                if (key := self._keys[trial.trial_id]) in self.given_up:
                    self._journal.end_trial(key, "stopped", GAVE_WAY)
                tune_controller.stop_trial(trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Keep a trial whose process died: it is tried again, or Ray ends it."""
        self.paused.discard(trial.trial_id)
        self._waiting.discard(self._keys[trial.trial_id])
        self._resumed_at.pop(trial.trial_id, None)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Forget that a trial could go on; its values stay on the rungs."""
        self.on_trial_remove(tune_controller, trial)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """Forget that a trial could go on; its values stay on the rungs."""
        self.paused.discard(trial.trial_id)
        self._waiting.discard(self._keys[trial.trial_id])
