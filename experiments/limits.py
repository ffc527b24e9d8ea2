"""Limits: what a trial may cost, and which trials cost too much."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INFEASIBLE = "infeasible: "
"""How the error of a trial begins that broke a limit. It counts as failed: never the best, never in the ensemble."""


@dataclass(frozen=True)
class Limits:
    """Upper bounds on what a trial reports; None where there is none."""

    max_memory_mb: float | None = None
    max_parameters_m: float | None = None
    max_seconds_per_image: float | None = None

    @property
    def bounds(self) -> dict[str, tuple[str, float]]:
        """Flag and bound by the metric that they limit."""
        given = {
            "peak_memory_mb": ("--max-memory-mb", self.max_memory_mb),
            "parameters_m": ("--max-parameters-m", self.max_parameters_m),
            "val_s_per_image": ("--max-seconds-per-image", self.max_seconds_per_image),
        }
        return {metric: (flag, bound) for metric, (flag, bound) in given.items() if bound is not None}

    def excesses(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """By how much each limited metric exceeds its bound, relative to it; at most 0 where it does not.

        A metric that is not there yet exceeds nothing.
        """
        return {metric: metrics.get(metric, bound) / bound - 1 for metric, (_, bound) in self.bounds.items()}

    def broken(self, metrics: Mapping[str, Any]) -> str | None:
        """Say which limits a report breaks, or None. Only the first epoch is judged: a later one changes little."""
        if metrics.get("epoch", 1) != 1:
            return None
        worst = [
            f"{metric} is {metrics[metric]:.4g}, above `{flag} {bound:g}`"
            for metric, (flag, bound) in self.bounds.items()
            if metrics.get(metric, bound) > bound
        ]
        return INFEASIBLE + "; ".join(worst) if worst else None
