"""Slot time: what the slots of a search did, from the dates of its epochs."""

from typing import Any

import pytest

from experiments.analysis.slot_time import lanes, slot_time, stretches
from experiments.journal import Moments, TrialRecord

Epochs = list[tuple[float, float]]
"""Start and end of each epoch."""


def search(**trials: Epochs) -> dict[str, TrialRecord]:
    records = {}
    for key, epochs in trials.items():
        metrics: dict[int, dict[str, Any]] = {
            number: {"epoch_s": end - start} for number, (start, end) in enumerate(epochs, 1)
        }
        records[key] = TrialRecord(key, {}, {}, {}, metrics)
        records[key].moments = Moments(0.0, {number: 1000 + end for number, (_, end) in enumerate(epochs, 1)})
    return records


def test_epochs_without_a_break_are_one_stretch_and_a_pause_ends_it() -> None:
    found = stretches(search(a=[(0, 10), (10.5, 20), (50, 60)]))
    assert [(one.first_epoch, one.last_epoch, one.start - 1000, one.end - 1000) for one in found] == [
        (1, 2, 0, 20),
        (3, 3, 50, 60),
    ]


def test_stretches_side_by_side_have_lanes_of_their_own_and_later_ones_take_a_free_one() -> None:
    found = stretches(search(a=[(0, 10)], b=[(2, 30)], c=[(10, 20)], d=[(21, 40)]))
    assert lanes(found) == [0, 1, 0, 0]


def test_time_is_told_by_status_and_the_rest_is_idle_or_nobodys() -> None:
    found = stretches(search(a=[(0, 10)], b=[(2, 6)], c=[(20, 25)]))
    spent = slot_time(found, {"a": "finished", "b": "stopped", "c": "failed"})
    assert spent is not None and spent.slots == 2
    assert spent.training == pytest.approx({"finished": 10, "stopped": 4, "failed": 5})
    assert (spent.idle, spent.nobody) == pytest.approx((6 + 5, 2 * 10))
    assert spent.total == pytest.approx(2 * 25)


def test_a_trial_without_an_end_counts_as_stopped() -> None:
    spent = slot_time(stretches(search(a=[(0, 10)])), {})
    assert spent is not None and spent.training["stopped"] == pytest.approx(10)


def test_a_search_that_trained_nothing_has_no_slot_time() -> None:
    assert slot_time(stretches(search(a=[])), {}) is None
    assert slot_time(stretches(search(a=[(3, 3)])), {}) is None
