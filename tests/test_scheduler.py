"""ASHA's rungs survive a restart: trials are judged as if the search had never stopped."""

import math
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.schedulers import TrialScheduler

from experiments.journal import Journal
from experiments.policy.scheduler import RestoredAsha

STOP, CONTINUE = TrialScheduler.STOP, TrialScheduler.CONTINUE
EPOCHS = 9


def make(journal: Journal) -> RestoredAsha:
    scheduler = RestoredAsha(journal, "val_miou", EPOCHS, grace_period=1, reduction_factor=3)
    scheduler.set_search_properties("val_miou", "max")
    return scheduler


def add(scheduler: RestoredAsha, ray_id: str, key: str) -> Any:
    trial = SimpleNamespace(trial_id=ray_id, config={"trial_key": key})
    scheduler.on_trial_add(None, trial)
    return trial


def result(scheduler: RestoredAsha, trial: Any, epoch: int, score: float) -> str:
    return scheduler.on_trial_result(None, trial, {"epoch": epoch, "val_miou": score})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def play(scheduler: RestoredAsha, journal: Journal, number: int, until: int = EPOCHS) -> list[str]:
    """Let a trial with scores of its own run until it is stopped or has reached an epoch; record it."""
    rng = random.Random(number)
    record = journal.add_trial({}, {}, {})
    trial = add(scheduler, f"ray{number}", record.key)
    decisions: list[str] = []
    for epoch in range(1, until + 1):
        score = rng.random()
        decisions.append(result(scheduler, trial, epoch, score))
        journal.add_epoch(record.key, epoch, {"val_miou": score})
        if decisions[-1] == STOP:
            break
    scheduler.on_trial_complete(None, trial, {})
    return decisions


def rungs(scheduler: RestoredAsha) -> dict[float, list[float]]:
    """Values at each rung; at the last epoch nothing is judged."""
    return {milestone: sorted(recorded.values()) for milestone, recorded in scheduler._rungs() if milestone < EPOCHS}


def test_rungs_rebuilt_from_the_journal_equal_those_that_were_lost(journal: Journal) -> None:
    scheduler = make(journal)
    for number in range(12):
        play(scheduler, journal, number)
    assert rungs(make(journal)) == rungs(scheduler)
    assert len(rungs(scheduler)[1]) == 12


def test_it_judges_where_the_promotion_scheduler_would(journal: Journal) -> None:
    scheduler = RestoredAsha(journal, "val_miou", 30, grace_period=3, reduction_factor=3)
    assert [milestone for milestone, _ in scheduler._rungs()] == [10, 3]  # Ray's own are 27, 9, 3


@pytest.mark.parametrize("restarted_after", [1, 4, 8])
def test_a_restart_changes_no_later_decision(tmp_path: Path, restarted_after: int) -> None:
    decisions = []
    for name, restart in (("through", False), ("restarted", True)):
        journal = Journal(tmp_path / name)
        scheduler = make(journal)
        played = []
        for number in range(14):
            if restart and number == restarted_after:
                scheduler = make(journal)
            played.append(play(scheduler, journal, number))
        decisions.append(played)
    assert decisions[0] == decisions[1]
    assert any(len(one) < EPOCHS for one in decisions[0][restarted_after:])


def test_a_poor_trial_after_a_restart_does_not_meet_empty_rungs(journal: Journal) -> None:
    scheduler = make(journal)
    for number in range(5):
        play(scheduler, journal, number)
    again = make(journal)
    assert result(again, add(again, "new", journal.add_trial({}, {}, {}).key), 1, 0.0) == STOP


def test_a_resumed_trial_is_counted_once(journal: Journal) -> None:
    play(make(journal), journal, 0, until=4)
    again = make(journal)
    before = rungs(again)
    trial = add(again, "other-ray-id", "t0000")
    result(again, trial, 4, 0.9)
    assert rungs(again) == before
    assert sum(len(recorded) for _, recorded in again._rungs()) == 2  # one entry at epoch 1, one at epoch 3


def test_a_resumed_trial_enters_the_rungs_that_it_had_not_reached(journal: Journal) -> None:
    play(make(journal), journal, 0, until=2)
    again = make(journal)
    result(again, add(again, "other-ray-id", "t0000"), 3, 0.9)
    assert rungs(again)[3] == [0.9]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_stops_the_trial(journal: Journal, value: float) -> None:
    scheduler = make(journal)
    assert result(scheduler, add(scheduler, "a", "t0000"), 2, value) == STOP
    assert scheduler.cut == set()


def test_a_value_that_is_not_finite_leaves_no_mark_on_the_rungs(journal: Journal) -> None:
    scheduler = make(journal)
    result(scheduler, add(scheduler, "a", "t0000"), 3, math.nan)
    assert not any(recorded for _, recorded in scheduler._rungs())


def test_a_report_without_the_objective_is_let_pass(journal: Journal) -> None:
    scheduler = make(journal)
    assert scheduler.on_trial_result(None, add(scheduler, "a", "t0000"), {"failure": "diverged"}) == CONTINUE


def test_a_trial_stopped_early_is_in_cut_and_a_full_one_is_not(journal: Journal) -> None:
    scheduler = make(journal)
    good, poor = add(scheduler, "good", "t0000"), add(scheduler, "poor", "t0001")
    assert result(scheduler, good, 1, 0.9) == CONTINUE
    assert result(scheduler, poor, 1, 0.1) == STOP
    assert result(scheduler, good, EPOCHS, 0.9) == STOP
    assert scheduler.cut == {"poor"}


def test_one_noisy_epoch_at_a_rung_does_not_stop_a_trial(journal: Journal) -> None:
    scheduler = make(journal)
    for key in ("t0000", "t0001"):
        trial = add(scheduler, key, key)
        result(scheduler, trial, 1, 0.3), result(scheduler, trial, 3, 0.5)
    noisy = add(scheduler, "noisy", "t0002")
    assert [result(scheduler, noisy, epoch, score) for epoch, score in ((1, 0.3), (2, 0.6), (3, 0.0))][-1] == CONTINUE


def test_a_trial_before_its_first_rung_is_never_stopped(journal: Journal) -> None:
    scheduler = RestoredAsha(journal, "val_miou", 27, grace_period=3, reduction_factor=3)
    scheduler.set_search_properties("val_miou", "max")
    for number in range(6):
        trial = add(scheduler, str(number), f"t{number:04d}")
        assert [result(scheduler, trial, epoch, 1.0 / (number + 1)) for epoch in (1, 2)] == [CONTINUE, CONTINUE]
        result(scheduler, trial, 3, 1.0 / (number + 1))
