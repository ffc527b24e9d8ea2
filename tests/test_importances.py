"""Importances find what was planted, and say what chance would show."""

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, distribution_to_json

from experiments.analysis.importances import MIN_TRIALS, Importance, importances
from experiments.journal import TrialRecord

NOISE = [f"noise_{number}" for number in range(6)]
KINDS: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(1e-4, 1e-1, log=True),
    "mix": CategoricalDistribution(["ce", "dice"]),
    "gamma": FloatDistribution(1.0, 4.0),
    **{name: FloatDistribution(0.0, 1.0) for name in NOISE},
}


def search(num_trials: int) -> list[Importance]:
    """Importances of a search in which only lr matters; half of the trials have a gamma."""
    rng = np.random.default_rng(0)
    records, standing = {}, {}
    for number in range(num_trials):
        params = {"lr": float(10 ** rng.uniform(-4, -1)), "mix": str(rng.choice(["ce", "dice"]))}
        params |= {name: float(rng.uniform()) for name in NOISE}
        if params["mix"] == "dice":
            params["gamma"] = float(rng.uniform(1, 4))
        key = f"t{number:04d}"
        texts = {name: distribution_to_json(KINDS[name]) for name in params}
        records[key] = TrialRecord(key, params, texts, params)
        standing[key] = -abs(np.log10(params["lr"]) + 2.5) + 0.1 * float(rng.normal())
    return importances(records, standing)


@pytest.fixture(scope="module")
def found() -> list[Importance]:
    """Of 40 trials."""
    return search(40)


def test_what_was_planted_comes_first_and_beyond_chance(found: list[Importance]) -> None:
    assert found[0].name == "lr" and found[0].share > found[0].chance
    assert all(found[0].share > 2 * one.share for one in found[1:])


def test_shares_sum_to_1_and_conditional_hyperparameters_are_among_them(found: list[Importance]) -> None:
    assert sum(one.share for one in found) == pytest.approx(1)
    assert {one.name for one in found} == set(KINDS)


def test_the_same_trials_give_the_same_importances(found: list[Importance]) -> None:
    assert search(40) == found


def test_too_few_trials_tell_nothing() -> None:
    assert search(MIN_TRIALS - 1) == []
