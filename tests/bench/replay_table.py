"""Tables of learning curves that a search can be replayed on: configurations, their space and their values by epoch."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution, json_to_distribution

from experiments.curve_table import SCHEMA

COLUMNS = ("learning_rate", "beta1", "beta2", "epsilon", "l1", "l2", "linear_decay", "exponential_decay")


@dataclass
class Table:
    """Recorded curves, higher is better. NaN in a curve: the training diverged in that epoch."""

    name: str
    space: dict[str, Any]
    """Optuna distribution of each hyperparameter."""
    params: list[dict[str, Any]]
    """One configuration a row; it may lack hyperparameters of branches not taken."""
    curves: np.ndarray
    """(rows, epochs) float64."""
    best: float = field(init=False)
    """Highest value in the table."""
    median: float = field(init=False)
    """Median over the rows, diverged ones left out, of each row's highest value."""

    def __post_init__(self) -> None:
        """Place the rows in the unit cube, and see what exists in which branch."""
        self._forks = [name for name, kind in self.space.items() if isinstance(kind, CategoricalDistribution)]
        self._everywhere = {name for name in self.space if all(name in row for row in self.params)}
        self._choices = {
            name: {fork: {row[fork] for row in self.params if name in row and fork in row} for fork in self._forks}
            for name in self.space
        }
        self.unit = np.array([self.place(row) for row in self.params])
        whole = self.curves[np.isfinite(self.curves).all(axis=1)]
        self.best, self.median = float(whole.max()), float(np.median(whole.max(axis=1)))

    @property
    def epochs(self) -> int:
        """Length of a full training."""
        return int(self.curves.shape[1])

    def has(self, name: str, given: dict[str, Any]) -> bool:
        """Whether a hyperparameter exists beside the choices given so far: in some row of each of them it does."""
        return all(
            value in self._choices[name].get(other, ()) for other, value in given.items() if other in self._forks
        )

    def place(self, params: dict[str, Any]) -> np.ndarray:
        """A configuration in the unit cube, on the space's scales; two different choices are 1 apart."""
        axes: list[float] = []
        for name, kind in self.space.items():
            value = params.get(name)
            if isinstance(kind, CategoricalDistribution):
                axes += [math.sqrt(0.5) if option == value else 0.0 for option in kind.choices]
            elif value is None:
                axes.append(-1.0)  # a branch not taken is far from one that is
            else:
                low, high, at = (math.log(x) if kind.log else x for x in (kind.low, kind.high, value))
                axes.append((at - low) / (high - low))
        return np.array(axes)

    def nearest_unused(self, params: dict[str, Any], used: set[int]) -> int:
        """The row nearest to a configuration, in the unit cube, among those not used yet."""
        distance = ((self.unit - self.place(params)) ** 2).sum(axis=1)
        distance[list(used)] = np.inf
        return int(distance.argmin())

    def length(self, row: int) -> int:
        """Epochs that a row can be trained: all, or up to and with the one in which it diverged."""
        finite = np.isfinite(self.curves[row])
        return self.epochs if finite.all() else int(np.argmin(finite)) + 1


def suggest(trial: Any, name: str, kind: Any) -> Any:
    """Ask a trial for a value of a distribution."""
    if isinstance(kind, CategoricalDistribution):
        return trial.suggest_categorical(name, kind.choices)
    ask = trial.suggest_float if isinstance(kind, FloatDistribution) else trial.suggest_int
    return ask(name, kind.low, kind.high, step=kind.step, log=kind.log)


def taskset(path: Path) -> Iterator[Table]:
    """The twelve TaskSet tasks; the score is the validation loss times -1.

    Column 0 was measured before training and is left out: an epoch is a column from 1 on. The space has every
    hyperparameter on the scale that it was drawn on: logarithmic, for the betas in 1 - beta (their quantiles show it).
    """
    arrays = np.load(path)
    for name in (key.removesuffix("/hp") for key in arrays if key.endswith("/hp")):
        hp = arrays[f"{name}/hp"].copy()
        hp[:, 1:3] = 1 - hp[:, 1:3]
        ends = zip(COLUMNS, hp.min(axis=0), hp.max(axis=0), strict=True)
        space = {column: FloatDistribution(float(low), float(high), log=True) for column, low, high in ends}
        params = [dict(zip(COLUMNS, map(float, row), strict=True)) for row in hp]
        yield Table(name.split("imdb_")[-1], space, params, -arrays[f"{name}/valid"][:, 1:].astype(np.float64))


def read_table(path: Path) -> Table:
    """A table that `experiments.curve_table` wrote.

    A curve that a scheduler cut keeps its last value to the end: what it would have reached is not known, and it was
    cut for being poor. A failed trial diverges after its last epoch.
    """
    document = json.loads(path.read_text(encoding="utf-8"))
    if document.get("schema") != SCHEMA:
        raise SystemExit(f"{path}: unknown schema. This bench reads schema {SCHEMA}.")
    space: dict[str, Any] = {}
    curves = np.full((len(document["trials"]), document["epochs"]), np.nan)
    for row, trial in zip(curves, document["trials"], strict=True):
        for name, text in trial["distributions"].items():
            space[name] = _wider(space.get(name), json_to_distribution(text))
        row[: len(trial["values"])] = trial["values"]
        if trial["status"] != "failed":
            row[len(trial["values"]) :] = trial["values"][-1]
    return Table(path.stem, space, [trial["params"] for trial in document["trials"]], curves)


def _wider(known: Any, met: Any) -> Any:
    """The distribution that holds two of one name: branches may differ in their bounds."""
    if known is None or isinstance(met, CategoricalDistribution):
        return met
    kind = FloatDistribution if isinstance(met, FloatDistribution) else IntDistribution
    return kind(min(known.low, met.low), max(known.high, met.high), log=met.log, step=met.step)
