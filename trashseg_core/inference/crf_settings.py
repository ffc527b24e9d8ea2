"""CrfSettings: widths and weights of a dense CRF's kernels. Loads no compiler; the CRF itself does."""

import dataclasses
from dataclasses import dataclass

from trashseg_core.errors import BadInput
from trashseg_core.field_values import as_type

RANGES: dict[str, tuple[float, float]] = {
    "iterations": (1, 1000),
    "gaussian_sxy": (0.1, 10_000),
    "gaussian_compat": (0, 1000),
    "bilateral_sxy": (1, 10_000),
    "bilateral_srgb": (1, 1000),
    "bilateral_compat": (0, 1000),
}


@dataclass(frozen=True)
class CrfSettings:
    """Widths and weights of the two kernels; JSON scalars only, as `ensemble.json` keeps them.

    The Gaussian kernel smooths whatever is near, the bilateral one what is near and of one colour.
    """

    iterations: int = 10
    gaussian_sxy: float = 3.0
    """standard deviation in px"""
    gaussian_compat: float = 3.0
    """weight of the message"""
    bilateral_sxy: float = 49.0
    """standard deviation in px"""
    bilateral_srgb: float = 5.0
    """standard deviation of the colour, in steps of 0 to 255"""
    bilateral_compat: float = 4.0
    """weight of the message"""

    def __post_init__(self) -> None:
        """Refuse values that no CRF could use.

        Raises:
            BadInput: a value has the wrong type or is out of range.
        """
        for field in dataclasses.fields(self):
            value = as_type(field.name, type(field.default), getattr(self, field.name))
            low, high = RANGES[field.name]
            if not low <= value <= high:
                raise BadInput(f"The value of `{field.name}` is {value}, but must be between {low:g} and {high:g}.")
            object.__setattr__(self, field.name, value)
