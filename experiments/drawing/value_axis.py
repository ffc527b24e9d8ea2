"""The axis of a hyperparameter: linear, logarithmic, or a place for each choice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.results import is_number

LOG_FACTOR = 20
"""A hyperparameter whose largest value is this many times the smallest gets a logarithmic axis."""


@dataclass(frozen=True)
class ValueAxis:
    """Where the values of one hyperparameter lie."""

    low: float
    high: float
    """In units of the axis: the value, its logarithm to base 10, or the number of the choice."""
    choices: tuple[str, ...] = ()
    """Empty where the values are numbers."""
    logarithmic: bool = False

    def place(self, value: Any) -> float:
        """Place of a value in units of the axis."""
        if self.choices:
            return float(self.choices.index(str(value)))
        return math.log10(value) if self.logarithmic else float(value)

    def share(self, value: Any) -> float:
        """Place of a value between the lowest, 0, and the highest, 1."""
        return (self.place(value) - self.low) / (self.high - self.low) if self.high > self.low else 0.5

    def ticks(self) -> dict[float, str]:
        """Text at the ends of the axis, or at each choice, by share."""
        if self.choices:
            return {self.share(choice): choice.removeprefix("tu-") for choice in self.choices}
        ends = [10**end if self.logarithmic else end for end in (self.low, self.high)]
        return {0.0: f"{ends[0]:.3g}", 1.0: f"{ends[1]:.3g}"} if self.high > self.low else {0.5: f"{ends[0]:.3g}"}


def value_axis(values: Sequence[Any]) -> ValueAxis:
    """The axis that suits some values; there is at least one."""
    if not all(is_number(value) for value in values):
        choices = tuple(sorted({str(value) for value in values}))
        return ValueAxis(0.0, len(choices) - 1.0, choices)
    low, high = min(values), max(values)
    if low > 0 and high >= LOG_FACTOR * low:
        return ValueAxis(math.log10(low), math.log10(high), logarithmic=True)
    return ValueAxis(float(low), float(high))
