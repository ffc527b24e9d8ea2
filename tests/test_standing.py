"""Trials of unequal length are ranked by what they had reached at the same age."""

import random

import pytest

from experiments.journal import TrialRecord
from experiments.policy.standing import standings


def record(key: str, *values: float, status: str | None = None) -> TrialRecord:
    return TrialRecord(key, {}, {}, {}, {epoch: {"s": value} for epoch, value in enumerate(values, 1)}, status)


def test_a_young_trial_that_is_ahead_at_its_age_stands_above_a_long_one() -> None:
    found = standings([record("long", 0.1, 0.2, 0.3, 0.4), record("young", 0.1, 0.3)], "s")
    assert found == {"long": 0.0, "young": 1.0}


def test_the_best_so_far_counts_not_the_last() -> None:
    assert standings([record("a", 0.5, 0.1), record("b", 0.2, 0.4)], "s") == {"a": 1.0, "b": 0.0}


def test_a_draw_counts_one_half() -> None:
    assert standings([record("a", 0.5), record("b", 0.5), record("c", 0.1)], "s") == {"a": 0.75, "b": 0.75, "c": 0.0}


def test_failed_trials_and_those_without_a_report_have_no_standing() -> None:
    assert standings([record("a", 0.5), record("b", 0.9, status="failed"), record("c")], "s") == {"a": 0.0}


def test_nobody_has_a_standing_in_an_empty_search() -> None:
    assert standings([], "s") == {}


@pytest.mark.parametrize("seed", range(5))
def test_the_shares_are_those_of_counting_every_pair(seed: int) -> None:
    rng = random.Random(seed)
    trials = [record(str(n), *(rng.choice([0.1, 0.2, 0.3]) for _ in range(rng.randint(1, 5)))) for n in range(12)]

    def won(one: TrialRecord, other: TrialRecord) -> float:
        age = min(len(one.epochs), len(other.epochs))
        mine, theirs = (max(r.epochs[epoch]["s"] for epoch in range(1, age + 1)) for r in (one, other))
        return float(mine > theirs) + 0.5 * (mine == theirs)

    expected = {one.key: sum(won(one, other) for other in trials if other is not one) / 11 for one in trials}
    assert standings(trials, "s") == pytest.approx(expected)
