"""DrawnTrial: a point of a space, drawn at random or near a known one."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

WIDTH = 0.15
"""Standard deviation of a step away from a known value, as a share of the dimension's range on its own scale."""
NUM_CHANGES = 2
"""Dimensions that a step changes on average, but never fewer than one in five."""

Scale = tuple[Any, ...] | bool
"""The choices of a categorical dimension; of a number, whether its scale is logarithmic."""


class DrawnTrial:
    """Stands in for an Optuna trial and answers from a generator: a space's branches are followed as they are taken.

    Much cheaper than Optuna's own trial, so that a sampler can draw hundreds of candidates for one proposal.
    """

    def __init__(self, rng: np.random.Generator, near: Mapping[str, Any] | None = None) -> None:
        """Create a trial.

        Args:
            near: the known point. Most of its values are kept, some are moved a little; a dimension that it lacks, or
                whose value this space does not allow here, is drawn at random.
        """
        self._near = near or {}
        self._chance = max(0.2, NUM_CHANGES / max(1, len(self._near)))
        self._uniform, self._normal = rng.random, rng.standard_normal
        self.params: dict[str, Any] = {}
        self.scales: dict[str, Scale] = {}
        """Scale of each dimension that was asked for."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """As `optuna.Trial.suggest_categorical`."""
        options = tuple(choices)
        keeps = name in self._near and self._near[name] in options and self._uniform() >= self._chance
        value = self._near[name] if keeps else options[int(self._uniform() * len(options))]
        return self._note(name, value, options)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """As `optuna.Trial.suggest_float`."""
        if step is not None:
            steps = int((high - low) / step + 1e-9)
            at = self._number(name, low - step / 2, low + (steps + 0.5) * step, False)
            return self._note(name, min(high, low + step * min(steps, max(0, round((at - low) / step)))), False)
        return self._note(name, min(high, max(low, self._number(name, low, high, log))), log)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """As `optuna.Trial.suggest_int`."""
        steps = (high - low) // step
        at = self._number(name, low - step / 2, low + (steps + 0.5) * step, log)
        return self._note(name, low + step * min(steps, max(0, round((at - low) / step))), log)

    def _number(self, name: str, low: float, high: float, log: bool) -> float:
        """A number between two bounds, on its scale."""
        if high <= low:
            return low
        to, back = (math.log, math.exp) if log else (float, float)
        known = self._near.get(name)
        if known is None or not low <= known <= high:
            return _between(to, back, low, high, self._uniform())
        if self._uniform() >= self._chance:
            return known
        at = abs((to(known) - to(low)) / (to(high) - to(low)) + WIDTH * self._normal()) % 2
        return _between(to, back, low, high, min(at, 2 - at))  # reflected at the ends

    def _note(self, name: str, value: Any, scale: Scale) -> Any:
        self.params[name], self.scales[name] = value, scale
        return value


def _between(to: Callable[[float], float], back: Callable[[float], float], low: float, high: float, at: float) -> float:
    return back(to(low) + at * (to(high) - to(low)))
