"""The rungs of successive halving: who reached which, with what value, and who may go on."""

import math
import statistics
from collections.abc import Collection, Iterable, Sequence

from experiments.journal import TrialRecord
from experiments.policy.fronts import pareto_order


class Rungs:
    """Best values so far of all trials at each rung, by trial key. Knows no Ray: the same after a restart.

    Rungs lie at `epochs / reduction_factor**k`, from the first rung upwards, so that the last step is as long as the
    others. (Li et al., arXiv 1810.05934, where the maximum resource is a rung itself.)

    With a second objective the ranks are those of `fronts.pareto_order`: by the objective alone, small networks would
    never be trained in full, and the front would end where it gets interesting.
    """

    def __init__(
        self, epochs: int, first_rung: int, reduction_factor: float, objective: str, second: str | None = None
    ) -> None:
        self._factor, self._objective, self._second = reduction_factor, objective, second
        self._costs: dict[str, list[float]] = {}
        self._fronts: dict[int, list[str]] = {}
        self.epochs = epochs
        self.milestones = milestones(epochs, first_rung, reduction_factor)
        """Epochs of the rungs, ascending; the full length is none of them."""
        self.values: dict[int, dict[str, float]] = {milestone: {} for milestone in self.milestones}
        self._costs_at: dict[int, dict[str, float]] = {milestone: {} for milestone in self.milestones}
        self._best: dict[str, float] = {}
        self._reached: dict[str, int] = {}

    def rebuild(self, records: Iterable[TrialRecord]) -> None:
        """Enter what the journal holds."""
        for record in records:
            for epoch in sorted(record.epochs):
                metrics = record.epochs[epoch]
                if self._objective in metrics and not record.infeasible:
                    cost = metrics.get(self._second) if self._second else None
                    self.enter(record.key, epoch, metrics[self._objective], cost)

    def enter(self, key: str, epoch: int, value: float, cost: float | None = None) -> None:
        """Enter a report; the value at a rung is the best so far. Repeated epochs change nothing.

        Args:
            cost: the second objective, lower is better; at a rung the median of the measurements so far counts.
        """
        if epoch <= self.reached(key):
            return
        if cost is not None:
            self._costs.setdefault(key, []).append(cost)
        self._best[key] = max(value, self._best.get(key, value))
        self._reached[key] = epoch
        for milestone in self.milestones:
            if epoch >= milestone:
                self.values[milestone].setdefault(key, self._best[key])
                if self._second is not None:
                    measured = self._costs.get(key)
                    typical = statistics.median(measured) if measured else float("inf")
                    self._costs_at[milestone].setdefault(key, typical)

    def reached(self, key: str) -> int:
        """The last epoch that a trial reported; 0 before the first."""
        return self._reached.get(key, 0)

    def next_promotion(
        self,
        waiting: Collection[str],
        at_least: int = 0,
        out: Collection[str] = frozenset(),
        strictness: float = 1.0,
    ) -> str | None:
        """The trial that goes on next: the best waiting one among the top 1/N of the highest rung that has one.

        Args:
            waiting: keys of the trials that wait at the last rung that they reached.
            at_least: each rung promotes so many, however few trials reached it.
            out: keys of the trials that will not be trained in full: they do not count for `at_least`.
            strictness: so many times fewer than 1/N are promoted.
        """
        for milestone in reversed(self.milestones):
            ranked = self._ranked(milestone)
            count = int(len(ranked) / (self._factor * strictness))
            for key in ranked[:count] + [key for key in ranked if key not in out][:at_least]:
                if key in waiting and self.reached(key) == milestone:
                    return key
        return None

    def last_in_line(self, waiting: Collection[str]) -> str | None:
        """The waiting trial that is furthest from a promotion: the worst at the lowest rung that has one."""
        for milestone in self.milestones:
            here = [key for key in self._ranked(milestone) if self.reached(key) == milestone]
            if behind := [key for key in here if key in waiting]:
                return behind[-1]
        return None

    def _ranked(self, milestone: int) -> list[str]:
        """Trials of a rung, best first."""
        values = self.values[milestone]
        if self._second is None:
            return sorted(values, key=lambda key: (-values[key], key))
        order = self._fronts.get(milestone, [])
        if len(order) != len(values):
            costs = self._costs_at[milestone]
            order = self._fronts[milestone] = pareto_order({key: (values[key], costs[key]) for key in values})
        return order


def planned_epochs(
    num_trials: int, epochs: int, rungs: Sequence[int], reduction_factor: float, full_trials: int = 1
) -> float:
    """Epochs of a whole search, where the best 1/N of each rung go on, `full_trials` at least."""
    total, alive, before = 0.0, num_trials, 0
    for milestone in (*rungs, epochs):
        total += alive * (milestone - before)
        alive, before = min(alive, max(full_trials, int(alive / reduction_factor))), milestone
    return total


def milestones(epochs: int, first_rung: int, reduction_factor: float) -> list[int]:
    """Epochs of the rungs, ascending: `first_rung`, and those of `epochs / reduction_factor**k` well above it.

    One nearer than half a step, on the log scale, is left out: the same trials would be cut twice at the same age.
    """
    found, length = {first_rung}, epochs / reduction_factor
    while round(length) >= first_rung * math.sqrt(reduction_factor) and round(length) > first_rung:
        found.add(round(length))
        length /= reduction_factor
    return sorted(milestone for milestone in found if milestone < epochs)
