"""Rungs hold the best values so far, and name the trial that goes on next."""

import pytest

from experiments.journal import TrialRecord
from experiments.policy.rungs import Rungs, milestones


def filled(values: dict[str, float], epoch: int = 3, epochs: int = 27) -> Rungs:
    """Rungs at 3 and 9 whose trials all reached an epoch."""
    rungs = Rungs(epochs, 3, 3.0, "val_miou")
    for key, value in values.items():
        rungs.enter(key, epoch, value)
    return rungs


@pytest.mark.parametrize(
    ("epochs", "first", "factor", "expected"),
    [
        (27, 3, 3.0, [3, 9]),
        (30, 3, 3.0, [3, 10]),
        (50, 3, 3.0, [3, 6, 17]),
        (81, 3, 3.0, [3, 9, 27]),
        (16, 1, 4.0, [1, 4]),
        (9, 3, 3.0, [3]),
        (3, 3, 3.0, []),
        (2, 2, 3.0, []),
        (10, 4, 1.5, [4, 7]),
        (12, 3, 3.0, [3]),
        (13, 3, 3.0, [3]),
        (32, 3, 3.0, [3, 11]),
        (40, 3, 3.0, [3, 13]),
    ],
)
def test_rungs_divide_the_full_length_evenly_on_the_log_scale(
    epochs: int, first: int, factor: float, expected: list[int]
) -> None:
    assert milestones(epochs, first, factor) == expected


def test_the_value_at_a_rung_is_the_best_so_far() -> None:
    rungs = filled({})
    for epoch, value in enumerate([0.2, 0.7, 0.1, 0.9], 1):
        rungs.enter("a", epoch, value)
    assert rungs.values[3] == {"a": 0.7}


def test_a_repeated_epoch_changes_nothing() -> None:
    rungs = filled({"a": 0.5})
    rungs.enter("a", 3, 0.9)
    rungs.enter("a", 2, 0.9)
    assert (rungs.values[3], rungs.reached("a")) == ({"a": 0.5}, 3)


def test_rungs_rebuilt_from_records_equal_those_that_were_entered() -> None:
    entered = filled({})
    record = TrialRecord("a", {}, {}, {})
    for epoch, value in enumerate([0.3, 0.6, 0.2, 0.8, 0.1, 0.2, 0.3, 0.1, 0.1], 1):
        entered.enter("a", epoch, value)
        record.epochs[epoch] = {"val_miou": value}
    rebuilt = filled({})
    rebuilt.rebuild([record])
    assert rebuilt.values == entered.values == {3: {"a": 0.6}, 9: {"a": 0.8}}


def test_nobody_is_promoted_before_the_rung_holds_enough_trials() -> None:
    assert filled({"a": 0.5, "b": 0.6}).next_promotion({"a", "b"}) is None
    assert filled({"a": 0.5, "b": 0.6, "c": 0.1}).next_promotion({"a", "b", "c"}) == "b"


def test_only_the_top_share_is_promoted() -> None:
    values = {name: number / 10 for number, name in enumerate("abcdef")}
    rungs = filled(values)
    assert rungs.next_promotion(set("abcdef")) == "f"
    assert rungs.next_promotion(set("abcde")) == "e"
    assert rungs.next_promotion(set("abcd")) is None


def test_a_stricter_share_is_promoted_where_asked_for() -> None:
    values = {name: number / 10 for number, name in enumerate("abcdefghi")}
    assert filled(values).next_promotion(set("abcdefg")) == "g"
    assert filled(values).next_promotion(set("abcdefg"), strictness=5 / 3) is None
    assert filled(values | {"z": 1.0}).next_promotion(set("abcdefghi"), strictness=5 / 3) == "i"


def test_the_highest_rung_comes_first() -> None:
    rungs = filled(dict.fromkeys("abcdef", 0.9))
    for name, value in zip("xyz", (0.1, 0.2, 0.3), strict=True):
        rungs.enter(name, 9, value)
    assert rungs.next_promotion(set("abcdefxyz")) == "z"


def test_without_new_trials_each_rung_promotes_its_best() -> None:
    rungs = filled({"a": 0.5, "b": 0.6})
    assert rungs.next_promotion({"a", "b"}, at_least=1) == "b"
    assert rungs.next_promotion({"a"}, at_least=1) is None
    assert rungs.next_promotion({"a"}, at_least=2) == "a"


def test_who_is_out_leaves_the_guaranteed_place_to_the_next_best_but_not_a_share_of_the_rung() -> None:
    rungs = filled({"a": 0.5, "b": 0.6, "c": 0.1, "d": 0.2})
    rungs.enter("b", 5, 0.6)
    assert rungs.next_promotion({"a", "c", "d"}, at_least=1, out={"b"}) == "a"
    assert rungs.next_promotion({"c", "d"}, at_least=1, out={"b"}) is None
    assert rungs.next_promotion({"c", "d"}, at_least=2, out={"b"}) == "d"
    assert rungs.next_promotion({"a", "c", "d"}, out={"b"}) is None


def test_a_trial_beyond_its_rung_is_not_promoted_from_it_again() -> None:
    rungs = filled({"a": 0.5, "b": 0.6, "c": 0.1})
    rungs.enter("b", 4, 0.6)
    assert rungs.next_promotion({"a", "b", "c"}) is None


def test_last_in_line_is_the_worst_of_those_that_wait_at_the_lowest_rung() -> None:
    rungs = filled({"a": 0.5, "b": 0.2, "c": 0.3})
    rungs.enter("b", 9, 0.2)
    assert rungs.last_in_line({"a", "b", "c"}) == "c"
    assert rungs.last_in_line({"a", "b"}) == "a"
    assert rungs.last_in_line({"b"}) == "b"
    assert rungs.last_in_line(set()) is None
