"""Drawn trials follow a space's branches, stay within its bounds, and near the point that they were given."""

from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import create_trial

from experiments.policy.drawn_trial import DrawnTrial
from search_spaces import load, names


def space(trial: Any) -> None:
    """All kinds of dimensions, one of them conditional."""
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    trial.suggest_float("ratio", 0.0, 0.7, step=0.1)
    trial.suggest_int("width", 8, 128, log=True)
    trial.suggest_int("depth", 1, 7, step=3)
    trial.suggest_float("fixed", 2.0, 2.0)
    if trial.suggest_categorical("optimizer", ["adamw", "sgd"]) == "sgd":
        trial.suggest_float("momentum", 0.5, 0.99)


def draw(seed: int, near: dict[str, Any] | None = None, of: Any = space) -> dict[str, Any]:
    trial = DrawnTrial(np.random.default_rng(seed), near)
    of(trial)
    return trial.params


KNOWN = {"lr": 0.01, "ratio": 0.3, "width": 32, "depth": 4, "fixed": 2.0, "optimizer": "sgd", "momentum": 0.9}


@pytest.mark.parametrize("name", [*names(), "here"])
@pytest.mark.parametrize("seed", range(20))
def test_what_is_drawn_is_what_optuna_allows(name: str, seed: int) -> None:
    one = space if name == "here" else load(name)
    drawn = draw(seed, of=one)
    for params in (drawn, draw(seed + 100, near=drawn, of=one)):
        fixed = optuna.trial.FixedTrial(params)  # type: ignore[no-untyped-call]
        one(fixed)
        assert params == fixed.params
        create_trial(value=0.0, params=params, distributions=fixed.distributions)  # refuses what is out of bounds


def test_every_value_of_a_stepped_dimension_is_drawn() -> None:
    many = [draw(seed) for seed in range(300)]
    assert {params["depth"] for params in many} == {1, 4, 7}
    assert {round(params["ratio"], 9) for params in many} == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7}


def test_a_learning_rate_is_drawn_evenly_on_its_own_scale() -> None:
    values = [draw(seed)["lr"] for seed in range(300)]
    assert np.mean(np.log10(values)) == pytest.approx(-2.5, abs=0.2)


def test_a_neighbour_keeps_most_values_and_moves_the_others_little() -> None:
    many = [draw(seed, KNOWN) for seed in range(200)]
    assert 0.6 < np.mean([params["lr"] == KNOWN["lr"] for params in many]) < 0.9
    moved = [np.log10(params["lr"]) + 2 for params in many if params["lr"] != KNOWN["lr"]]
    assert 0.2 < np.std(moved) < 0.6  # of three decades
    assert 0.8 < np.mean([params["optimizer"] == "sgd" for params in many]) < 1


def test_a_branch_that_the_known_point_did_not_take_is_drawn_anew() -> None:
    adamw = {name: value for name, value in KNOWN.items() if name != "momentum"} | {"optimizer": "adamw"}
    momenta = [params["momentum"] for seed in range(200) if "momentum" in (params := draw(seed, adamw))]
    assert len(set(momenta)) > 5 and min(momenta) >= 0.5


def test_a_known_value_out_of_bounds_is_drawn_anew() -> None:
    assert {draw(seed, {**KNOWN, "lr": 5.0})["lr"] <= 0.1 for seed in range(50)} == {True}
