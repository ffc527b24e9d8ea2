"""Known points: configurations that the user brings along, fitted into a space or refused."""

import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiments.points.space_check import ProbeTrial, call_space, default_choice, default_point
from trashseg_core.config import TrialConfig, check_field
from trashseg_core.disk.files import read_json
from trashseg_core.errors import BadInput, did_you_mean
from trashseg_core.field_values import as_type

Space = Callable[[Any], None]
OWN_TO_A_SEARCH = ("epochs", "seed")
"""Fields that say how a configuration was run rather than what it is; every search has its own."""


class _KnownTrial(ProbeTrial):
    """Answers with the values of a configuration, and refuses those that the space would not suggest."""

    def __init__(self, given: Mapping[str, Any], pins: Mapping[str, Any]) -> None:
        super().__init__(lambda name, options: given.get(name, default_choice(name, options)), dict(pins))

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        """Check and answer a choice."""
        value, options = super().suggest_categorical(name, choices), list(choices)
        if name in self.params and not any(value == one and type(value) is type(one) for one in options):
            hint = did_you_mean(str(value), map(str, options))
            raise BadInput(f"`{name}` is {value!r}, but the space offers {', '.join(map(str, options))}.{hint}")
        return value

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> Any:
        """Check and answer a real number; one beside the grid by rounding errors comes onto it."""
        value = super().suggest_float(name, low, high, step=step, log=log)
        return self._inside(name, value, low, high, step)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> Any:
        """Check and answer an integer."""
        value = super().suggest_int(name, low, high, step=step, log=log)
        return self._inside(name, value, low, high, step)

    def _inside(self, name: str, value: Any, low: float, high: float, step: float | None) -> Any:
        if name not in self.params:
            return value
        steps = round((value - low) / step) if step else 0
        if not low <= value <= high or (step and abs(low + steps * step - value) > 1e-8):
            raise BadInput(f"`{name}` is {value!r}, but the space allows {self.domains[name]}.")
        self.params[name] = low + steps * step if step else value
        return self.params[name]


def fit_point(space: Space, pins: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Find the point of a space that a configuration is.

    Args:
        pins: values that are the same in all trials of the search.
        config: `TrialConfig` fields; where one is missing, the default configuration's value is taken. `epochs` and
            `seed` may differ: they are the search's own.

    Returns:
        A value for each name that the space suggests on the way.

    Raises:
        BadInput: an unknown field, a value outside its domain, or one that neither the space nor a pin would give.
    """
    types, own = typing.get_type_hints(TrialConfig), [name for name in OWN_TO_A_SEARCH if name in pins]
    for name in config:
        check_field(name)
    given = {name: as_type(name, types[name], value) for name, value in config.items() if name not in own}
    trial = _KnownTrial(given, pins)
    call_space(space, trial)
    for name, value in given.items():
        fixed = pins.get(name, getattr(TrialConfig, name))
        if name not in trial.params and value != fixed:
            raise BadInput(
                f"`{name}` is {value!r}, but always {fixed!r} here: with the other values of this point the space does "
                f"not suggest it. Pin it with `--set {name}={value}`, or leave it out."
            )
    TrialConfig.from_params({**trial.params, **pins})
    return trial.params


def read_points(paths: tuple[str, ...], space: Space, pins: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Read the points to try right after the default configuration, in the order given.

    Args:
        paths: JSON files, each one configuration or a list of them; a checkpoint's `config.json` is one.

    Raises:
        BadInput: naming the file, the place in it and what is wrong with the point.
    """
    points: list[dict[str, Any]] = []
    for path in paths:
        document = read_json(Path(path))
        for number, config in enumerate(document if isinstance(document, list) else [document]):
            place = f"{path}: point {number}" if isinstance(document, list) else path
            if not isinstance(config, dict) or not config:
                raise BadInput(f"{place}: not a configuration. Give an object of hyperparameters, or a list of them.")
            try:
                point = fit_point(space, pins, config)
            except BadInput as error:
                raise BadInput(f"{place}: {error}") from None
            if point not in [default_point(space, dict(pins)), *points]:
                points.append(point)
    return points


def check_room(num_points: int, num_trials: int) -> None:
    """Refuse points that no trial would be left for: the first trial is the space's default.

    Raises:
        BadInput: there are fewer trials than points and the default.
    """
    if num_points and num_points >= num_trials:
        raise BadInput(
            f"{num_points} points of `--enqueue` and the default are more than `--trials {num_trials}`. Raise "
            f"`--trials` to {num_points + 1}, or enqueue fewer."
        )
