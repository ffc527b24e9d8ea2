"""The keeper: which trials that ended keep their weights, and who gives way when the disk budget is spent."""

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.checkpoints.disk_budget import WAITING, bytes_below, bytes_waited_for
from experiments.checkpoints.trial_folder import TrialFolder, has_weights
from experiments.journal import Journal, TrialRecord
from experiments.placement.watchdog import SIGNS
from experiments.policy.fronts import pareto_order
from experiments.results import TrialResult
from experiments.settings import SearchSettings

if TYPE_CHECKING:
    from experiments.policy.promotion import PromotionAsha


class Keeper:
    """Listens to the trials: only the best that ended keep their weights.

    With a second objective those beyond the ensemble's candidates are the first by Pareto fronts (`pareto_order`).
    Failed trials are no candidates, so they give way first; one that a full disk ended will go on and keeps everything.
    When a trial waits for room (`disk_budget.DiskBudget`), ended trials beyond the ensemble's candidates give way
    first, the worst first; then trials that wait for a promotion are stopped, the least promising first. Of those
    that give way, `config.json` and the confusion matrices stay: they can be trained again, and compared.
    """

    def __init__(self, journal: Journal, settings: SearchSettings, promotion: "PromotionAsha | None" = None) -> None:
        self._journal, self._objective = journal, settings.objective
        self._trials = settings.folder / "trials"
        self._num_kept, self._num_candidates = settings.num_kept, settings.top_k
        self._limit, self._promotion = settings.disk_bytes, promotion
        self._second = settings.second_objective
        self._kept: dict[str, tuple[bool, float, float]] = {}
        """Whether it did not fail, its best value, its cost, by key."""

    def tidy(self) -> None:
        """Go through all trials that ended: a kill may have come before their ends were seen to."""
        for name in (WAITING, SIGNS):
            shutil.rmtree(self._trials / name, ignore_errors=True)
        for record in self._journal.trials.values():
            if record.status is not None:
                self.trial_ended(record)

    def trial_started(self, record: TrialRecord) -> None:
        """Nothing to do: a running trial keeps its own best and last checkpoint."""

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Nothing to do."""

    def trial_ended(self, record: TrialRecord) -> None:
        """Keep a trial's best checkpoint; the weights of the trial that falls out of the best are removed."""
        (self._trials / WAITING / record.key).unlink(missing_ok=True)
        (self._trials / SIGNS / record.key).unlink(missing_ok=True)
        if record.had_no_room or not (self._trials / record.key).is_dir():
            return
        folder = TrialFolder(self._trials / record.key, self._objective)
        folder.prune()
        best = record.best(self._objective)
        given_up = self._promotion is not None and record.key in self._promotion.given_up
        if best is None or given_up:
            folder.lighten()
        elif folder.has_weights():
            cost = None if self._second is None else record.typical(self._second)
            self._kept[record.key] = (record.status != "failed", best[1], math.inf if cost is None else cost)
        while len(self._kept) > self._num_kept:
            self._drop_worst()

    def keep_candidates_only(self) -> None:
        """Let the weights of all ended trials beyond the ensemble's candidates give way."""
        self.tidy()
        while len(self._kept) > self._num_candidates:
            self._drop_worst()

    def make_room(self) -> None:
        """Let one trial give way where another waits for room; called often."""
        needed = bytes_waited_for(self._trials) if self._limit is not None else 0
        if self._limit is None or not needed or bytes_below(self._trials) + needed <= self._limit:
            return
        if len(self._kept) > self._num_candidates or not all(usable for usable, *_ in self._kept.values()):
            self._drop_worst()
        elif self._promotion is not None:
            self._promotion.give_one_up()

    def _drop_worst(self) -> None:
        ranked = sorted(self._kept, key=lambda key: (not self._kept[key][0], -self._kept[key][1], key))
        worst, spare = ranked[-1], set(ranked[self._num_candidates :])
        if self._second is not None and spare and self._kept[worst][0]:
            order = pareto_order({key: (value, cost) for key, (_, value, cost) in self._kept.items()})
            worst = next(key for key in reversed(order) if key in spare)
        del self._kept[worst]
        TrialFolder(self._trials / worst, self._objective).lighten()


def with_weights(results: list[TrialResult], folder: Path) -> list[TrialResult]:
    """The results of trials that did not fail and whose checkpoint holds weights that can be read.

    Args:
        folder: the run folder.
    """
    usable = [result for result in results if result.checkpoint and result.status != "failed"]
    return [result for result in usable if has_weights(folder / str(result.checkpoint))]
