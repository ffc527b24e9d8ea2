"""Checking a space before anything starts: names, bounds, choices, models."""

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.settings import SearchSettings
from trashseg_core.config import TrialConfig, check_field
from trashseg_core.errors import BadInput
from trashseg_core.idle_settings import idle_settings

NUM_DRAWS = 200
"""Random configurations that a check draws; conditional branches are found by chance."""
MAX_CHOICES, MAX_STEPS, MAX_NAMES = 1000, 1_000_000, 1000
"""Of a suggestion, and suggestions of a configuration: no author of a space means more."""


class ProbeTrial:
    """Stands in for an Optuna trial: checks each suggestion and answers it by `choose`."""

    def __init__(self, choose: Callable[[str, list[Any]], Any], pins: dict[str, Any] | None = None) -> None:
        self._choose, self._pins = choose, pins or {}
        self.params: dict[str, Any] = {}
        self.domains: dict[str, str] = {}
        """What each name may be, as text: to tell spaces apart."""
        self._asked = 0

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        """Check and answer a choice."""
        options = list(itertools.islice(choices, MAX_CHOICES + 1))
        if len(options) > MAX_CHOICES:
            raise BadInput(f"Space: `{name}` has more than {MAX_CHOICES} choices. Suggest a number instead.")
        if not options:
            raise BadInput(f"Space: `{name}` has no choices. Give at least one.")
        if any(not isinstance(option, str | int | float | bool | None) for option in options):
            raise BadInput(f"Space: `{name}` has a choice that is no JSON scalar: {options}. Use text and numbers.")
        if any(isinstance(option, float) and not math.isfinite(option) for option in options):
            raise BadInput(f"Space: `{name}` has a choice that is not finite: {options}. Leave it out.")
        if len({repr(option) for option in options}) != len(options):
            raise BadInput(f"Space: `{name}` lists a choice twice: {options}.")
        self.domains[name] = f"one of {options}"
        return self._answer(name, options)

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> Any:
        """Check and answer a real number."""
        _check_bounds(name, low, high, step, log)
        self.domains[name] = f"{low} to {high}" + (f" by {step}" if step else "") + (", log" if log else "")
        if step:
            count = int((high - low) / step + 1e-9)
            if count > MAX_STEPS:
                raise BadInput(f"Space: `{name}` has {count:.3g} steps, above {MAX_STEPS:,}. Leave the step out.")
            return self._answer(name, [low + index * step for index in range(count + 1)])
        between = math.exp((math.log(low) + math.log(high)) / 2) if log else (low + high) / 2
        return self._answer(name, [low, between, high], interval=True)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> Any:
        """Check and answer an integer."""
        _check_bounds(name, low, high, step, log)
        if any(value != int(value) for value in (low, high, step)):
            raise BadInput(f"Space: the bounds of `{name}` are {low}, {high} and {step}, but must be integers.")
        self.domains[name] = f"integer {low} to {high} by {step}" + (", log" if log else "")
        return self._answer(name, list(range(low, high + 1, step)) if high - low < 10_000 else [low, high])

    def _answer(self, name: str, options: list[Any], interval: bool = False) -> Any:
        self._asked += 1
        if self._asked > MAX_NAMES:
            raise BadInput(f"Space: it asks for more than {MAX_NAMES} values in one configuration. Does it loop?")
        if name in self._pins:
            return self._pins[name]
        if interval:  # any value between the ends will do
            default = getattr(TrialConfig, name, None)
            inside = isinstance(default, float) and options[0] <= default <= options[-1]
            options = [default, *options] if inside else [options[1], options[0], options[2]]
        self.params[name] = self._choose(name, options)
        return self.params[name]


def default_point(space: Callable[[Any], None], pins: dict[str, Any] | None = None) -> dict[str, Any]:
    """The default configuration as a point of a space: each suggestion's default where the space allows it."""

    trial = ProbeTrial(default_choice, pins)
    call_space(space, trial)
    return trial.params


def default_choice(name: str, options: list[Any]) -> Any:
    """The field's default where it is among the options, else the first of them."""
    default = getattr(TrialConfig, name, None)
    near = [option for option in options if option == default and isinstance(option, bool) == isinstance(default, bool)]
    if isinstance(default, float) and not near and all(isinstance(option, float) for option in options):
        near = [option for option in options if math.isclose(option, default)]
    return near[0] if near else options[0]


def draw_points(
    space: Callable[[Any], None], pins: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """Draw the default point and random ones of a space.

    Returns:
        The points, and every domain that was met for each name: the space's signature.

    Raises:
        BadInput: an impossible bound or choice.
    """
    rng = random.Random(0)
    points = [default_point(space, pins)]
    domains: dict[str, set[str]] = {}
    for _ in range(NUM_DRAWS):
        trial = ProbeTrial(lambda name, options: rng.choice(options), pins)
        call_space(space, trial)
        points.append(trial.params)
        for name, domain in trial.domains.items():
            domains.setdefault(name, set()).add(domain)
    for name, met in domains.items():
        kinds = {one if one.startswith("one of") else f"{one[:7] == 'integer'}{one.endswith('log')}" for one in met}
        if len(kinds) > 1:
            raise BadInput(
                f"Space: `{name}` has different choices or scales in different branches, which Optuna does not take: "
                f"{'; '.join(sorted(met))}. Offer the same everywhere."
            )
    return points, {name: sorted(met) for name, met in sorted(domains.items())}


def values_of(space: Callable[[Any], None], point: Mapping[str, Any], pins: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a trial: those of a point, or those that it stands for (`sources.SourceSpace`), and the pins."""
    resolve = getattr(space, "resolve", dict)
    return {**resolve(point), **pins}


def check_space(
    space: Callable[[Any], None], pins: dict[str, Any], known: Sequence[dict[str, Any]] = ()
) -> list[TrialConfig]:
    """Draw configurations of a space and refuse it if one of them could not be trained.

    Args:
        known: points that will be tried, drawn or not.

    Returns:
        The default configuration first, then one of each (encoder, weights, decoder, size, classes to paste, with or
        without pseudo-labels) drawn.

    Raises:
        BadInput: an unknown field, an impossible bound or choice, or a value that TrialConfig or a search refuses.
    """
    models: dict[tuple[Any, ...], TrialConfig] = {}
    for config in [*_configs(space, pins), *(TrialConfig.from_params(values_of(space, one, pins)) for one in known)]:
        if config.distill_weight:
            raise BadInput("`distill_weight` needs a teacher, which no search has. Use `train --teacher ENSEMBLE`.")
        pasted = config.augmix_classes if config.augmix_ratio > 0 else None
        model = (config.encoder_name, config.encoder_weights, config.decoder_name, config.predict_size)
        models.setdefault((*model, pasted, config.pseudo_ratio > 0), config)
    return list(models.values())


def idle_pins(space: Callable[[Any], None], pins: dict[str, Any]) -> list[str]:
    """Warn about pins that change nothing in any configuration of the space that was drawn."""
    return idle_settings(pins, _configs(space, pins))


def _configs(space: Callable[[Any], None], pins: dict[str, Any]) -> list[TrialConfig]:
    configs = []
    for point in draw_points(space, pins)[0]:
        values = values_of(space, point, pins)
        for name in values:
            check_field(name)
        configs.append(TrialConfig.from_params(values))
    return configs


def call_space(space: Callable[[Any], None], trial: ProbeTrial) -> None:
    """Let a space suggest to a trial.

    Raises:
        BadInput: a suggestion is refused, or the space fails, which is the user's code.
    """
    try:
        space(trial)
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
        raise BadInput(f"Space: it fails with {type(error).__name__}: {error}. Mend its function `space`.") from error


def _check_bounds(name: str, low: float, high: float, step: float | None, log: bool) -> None:
    numbers = [low, high, *([step] if step is not None else [])]
    if any(
        isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) for value in numbers
    ):
        raise BadInput(f"Space: the bounds of `{name}` are {numbers}, but must be finite numbers.")
    if low >= high:
        raise BadInput(f"Space: the bounds of `{name}` are {low} and {high}, but low must be below high.")
    if log and low <= 0:
        raise BadInput(f"Space: `{name}` is on a log scale, but its low bound is {low}. It must be above 0.")
    if log and step not in (None, 1):
        raise BadInput(f"Space: `{name}` has a log scale and the step {step}. Leave one of them out.")
    if step is not None and step <= 0:
        raise BadInput(f"Space: the step of `{name}` is {step}, but must be above 0.")


def refuse_data_as_space(settings: SearchSettings) -> None:
    """Refuse a space that lies in the data or the run folder: what is there may come from anywhere, and is data.

    Raises:
        BadInput: with what to do.
    """
    if not settings.space.endswith(".py"):
        return
    space = Path(settings.space).resolve()
    for what, folder in (("data", Path(settings.data)), ("run", settings.folder)):
        if space.is_relative_to(folder.resolve()):
            raise BadInput(
                f"`--space {settings.space}` lies in the {what} folder. A space is code and is run: read it, and copy "
                "it elsewhere to use it."
            )
