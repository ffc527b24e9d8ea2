"""Slices and axes: where a hyperparameter's values lie."""

from typing import Any

import numpy as np
import pytest

from experiments.drawing.slices import objective_slice
from experiments.drawing.value_axis import value_axis
from experiments.results import TrialResult


def result(trial_id: str, status: Any = "finished", value: float | None = 0.5, **config: Any) -> TrialResult:
    return TrialResult(trial_id, status, value, value, 1, 1, config, None, 1.0, None)


def test_learning_rates_have_a_logarithmic_axis() -> None:
    rows = [result("t0000", lr=1e-4), result("t0001", lr=1e-2)]
    drawn = objective_slice("lr", rows, "val_miou")
    assert (drawn.layout.xaxis.type, sorted(x for one in drawn.data for x in one.x)) == ("log", [1e-4, 1e-2])


def test_choices_have_a_column_each_with_their_points_side_by_side() -> None:
    rows = [result(f"t000{number}", "stopped", 0.4, mix=mix) for number, mix in enumerate(("ce", "dice", "ce"))]
    drawn = objective_slice("mix", [*rows, result("t0003", mix="ce")], "val_miou")
    assert list(drawn.layout.xaxis.ticktext) == ["ce", "dice"]
    assert np.round(drawn.data[0].x).tolist() == [0, 1, 0] and len(set(drawn.data[0].x)) == 3


def test_hyperparameters_that_some_trials_lack_are_drawn_for_the_others() -> None:
    rows = [result("t0000", gamma=2.0), result("t0001"), result("t0002", value=None, gamma=1.0)]
    assert list(objective_slice("gamma", rows, "val_miou").data[0].x) == [2.0]


def test_the_best_trial_has_an_entry_of_its_own_in_the_legend() -> None:
    rows = [result("t0000", value=0.4, x=1.0), result("t0001", value=0.6, x=2.0), result("t0002", "failed", 0.9, x=3.0)]
    drawn = objective_slice("x", rows, "val_miou")
    assert {one.name: list(one.x) for one in drawn.data} == {"finished": [1.0], "failed": [3.0], "best": [2.0]}


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.5, 2.0], {0.0: "0.5", 1.0: "2"}),
        ([1e-4, 1e-2], {0.0: "0.0001", 1.0: "0.01"}),
        (["tu-b", "a"], {0.0: "a", 1.0: "b"}),
        ([True, False], {0.0: "False", 1.0: "True"}),
        ([3, 3], {0.5: "3"}),
    ],
)
def test_the_ends_of_an_axis_are_told(values: list[Any], ends: dict[float, str]) -> None:
    assert value_axis(values).ticks() == ends


def test_shares_of_a_logarithmic_axis_are_those_of_the_exponent() -> None:
    axis = value_axis([1e-4, 1e-2])
    assert [round(axis.share(value), 6) for value in (1e-4, 1e-3, 1e-2)] == [0, 0.5, 1]
