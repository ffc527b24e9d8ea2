"""The promotion scheduler: trials pause at a rung, the best go on, and a restart changes nothing."""

import math
from pathlib import Path

import pytest

from tests.promotion_loop import CONTINUE, PAUSE, STOP, TRIALS, Fake, Loop


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return Loop(tmp_path / "journal.jsonl")


def started(loop: Loop, key: str = "t0000") -> Fake:
    """A trial of the journal that runs."""
    loop.journal.add_trial({}, {}, {})
    trial = Fake(f"ray-{key}", {"trial_key": key})
    loop.scheduler.on_trial_add(loop, trial)
    trial.status = "RUNNING"
    return trial


def result(loop: Loop, trial: Fake, epoch: int, value: float) -> str:
    return loop.scheduler.on_trial_result(loop, trial, {"epoch": epoch, "val_miou": value})


@pytest.mark.parametrize("slots", [1, 2, 3, 9])
def test_a_search_comes_to_its_end_without_a_deadlock(tmp_path: Path, slots: int) -> None:
    loop = Loop(tmp_path / "journal.jsonl", slots)
    loop.run()
    assert loop.is_finished and len(loop.journal.trials) == TRIALS
    assert {status for status, _ in loop.ends().values()} == {"finished", "stopped"}
    assert loop.most_running == slots


def test_every_trial_ends_at_a_rung_or_in_full_length(loop: Loop) -> None:
    loop.run()
    assert set(loop.ends().values()) == {("stopped", 3), ("finished", 9)}


def test_the_best_trial_is_trained_in_full(loop: Loop) -> None:
    loop.run()
    best = max(loop.journal.trials.values(), key=lambda record: record.config["lr"])
    assert best.status == "finished"


def test_about_one_in_three_is_promoted(loop: Loop) -> None:
    loop.run()
    assert 3 <= [status for status, _ in loop.ends().values()].count("finished") <= 5


@pytest.mark.parametrize("full_trials", [2, 4, 20])
def test_as_many_of_the_best_are_trained_in_full_as_wanted_where_there_are_so_many(
    tmp_path: Path, full_trials: int
) -> None:
    loop = Loop(tmp_path / "journal.jsonl", full_trials=full_trials)
    loop.run()
    assert loop.is_finished
    by_lr = sorted(loop.journal.trials.values(), key=lambda record: -record.config["lr"])
    assert [record.status for record in by_lr[:full_trials]] == ["finished"] * min(full_trials, TRIALS)
    wanted = max(full_trials, sum(record.status == "finished" for record in by_lr))
    assert {record.status for record in by_lr[wanted:]} <= {"stopped"}


def test_nobody_is_promoted_for_the_sake_of_full_trials_while_new_ones_come(tmp_path: Path) -> None:
    few, many = (Loop(tmp_path / f"{full}.jsonl", full_trials=full) for full in (1, 9))
    while len(many.journal.trials) < TRIALS:
        few.run(1)
        many.run(1)
    lengths = [{key: sorted(record.epochs) for key, record in one.journal.trials.items()} for one in (few, many)]
    assert lengths[0] == lengths[1]


def test_a_single_trial_is_trained_in_full(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "journal.jsonl", slots=2, trials=1)
    loop.run()
    assert loop.ends() == {"t0000": ("finished", 9)}


def test_paused_trials_take_no_slot(loop: Loop) -> None:
    loop.run(reports=6)
    loop.fill(), loop.fill()
    assert (len(loop.scheduler.paused), len(loop.running)) == (2, 2)


@pytest.mark.parametrize("killed_after", [2, 5, 6, 9, 13, 20, 30])
def test_a_restart_over_the_journal_comes_to_the_same_end(tmp_path: Path, killed_after: int) -> None:
    calm = Loop(tmp_path / "calm.jsonl", slots=1)
    calm.run()
    killed = Loop(tmp_path / "killed.jsonl", slots=1)
    killed.run(reports=killed_after)
    again = Loop(tmp_path / "killed.jsonl", slots=1)
    again.run()
    assert again.is_finished and again.ends() == calm.ends()
    assert [one.params for one in again.journal.trials.values()] == [one.params for one in calm.journal.trials.values()]


def test_a_trial_that_waited_is_not_started_by_a_restart(loop: Loop) -> None:
    loop.run(reports=6)
    again = Loop(loop.journal.path)
    again.fill()
    waiting = [trial.config["trial_key"] for trial in again.trials if trial.status == "PAUSED"]
    assert waiting == ["t0000", "t0001"]
    assert all(trial.config["trial_key"] not in waiting for trial in again.running)


def test_a_trial_that_is_the_best_of_its_rung_goes_on_without_a_pause(loop: Loop) -> None:
    trials = [started(loop, f"t{number:04d}") for number in range(5)]
    values = (0.1, 0.2, 0.15, 0.1, 0.3)
    decisions = [result(loop, trial, 3, value) for trial, value in zip(trials, values, strict=True)]
    assert decisions == [PAUSE, PAUSE, PAUSE, PAUSE, CONTINUE]


def test_one_in_five_goes_on_while_new_trials_come_and_one_in_three_after_that(loop: Loop) -> None:
    trials = [started(loop, f"t{number:04d}") for number in range(6)]
    decisions = [result(loop, trial, 3, value / 10) for value, trial in enumerate(trials)]
    assert decisions == [PAUSE, PAUSE, PAUSE, PAUSE, CONTINUE, CONTINUE]  # each the best of five, and of six
    trials += [started(loop, f"t{number:04d}") for number in (6, 7)]
    assert result(loop, trials[6], 3, 0.45) == PAUSE  # the second of seven
    result(loop, trials[7], 3, 0.0)
    assert not loop.scheduler.has_promotable() and len(loop.journal.trials) == TRIALS - 1
    loop.journal.add_trial({}, {}, {})
    assert loop.scheduler.has_promotable()  # two of eight now, and 0.5 and 0.45 are they


def test_nobody_pauses_between_rungs(loop: Loop) -> None:
    trial = started(loop)
    assert [result(loop, trial, epoch, 0.1) for epoch in (1, 2, 3)] == [CONTINUE, CONTINUE, PAUSE]


def test_one_noisy_epoch_at_the_rung_does_not_hold_a_trial_back(loop: Loop) -> None:
    *poor, other, noisy = (started(loop, f"t{number:04d}") for number in range(5))
    for trial in poor:
        result(loop, trial, 3, 0.1)
    result(loop, other, 3, 0.2)
    assert [result(loop, noisy, epoch, value) for epoch, value in ((1, 0.2), (2, 0.9), (3, 0.0))][-1] == CONTINUE


def test_a_trial_that_is_due_comes_before_a_new_one(loop: Loop) -> None:
    trials = [started(loop, f"t{number:04d}") for number in range(5)]
    loop.trials = trials
    for trial, value in zip(trials, (0.9, 0.1, 0.1, 0.1, 0.1), strict=True):
        assert result(loop, trial, 3, value) == PAUSE
        trial.set_status("PAUSED")
    loop.fill()
    assert (loop.running, len(loop.journal.trials)) == ([trials[0]], 5)


def test_a_trial_that_repeats_the_epoch_of_a_rung_behind_it_does_not_wait_there(loop: Loop) -> None:
    trial = promoted(loop)
    assert [result(loop, trial, epoch, 0.9) for epoch in (4, 5)] == [CONTINUE, CONTINUE]
    loop.scheduler.on_trial_error(loop, trial)
    loop.scheduler.on_trial_add(loop, trial)
    assert [result(loop, trial, epoch, 0.9) for epoch in (3, 4, 5, 6)] == [CONTINUE] * 4


def promoted(loop: Loop) -> Fake:
    """A trial that waited at epoch 3 and is promoted."""
    first, *others = (started(loop, f"t{number:04d}") for number in range(5))
    loop.trials = [first]
    result(loop, first, 3, 0.9)
    first.status = "PAUSED"
    for other in others:
        result(loop, other, 3, 0.1)
    assert loop.scheduler.choose_trial_to_run(loop) is first
    return first


@pytest.mark.parametrize("epoch", [3, 4])
def test_a_promoted_trial_may_report_its_last_epoch_again_or_the_next(loop: Loop, epoch: int) -> None:
    assert result(loop, promoted(loop), epoch, 0.9) == CONTINUE


@pytest.mark.parametrize("epoch", [1, 2, 5])
def test_a_promoted_trial_that_does_not_go_on_where_it_was_fails_with_a_reason(loop: Loop, epoch: int) -> None:
    assert result(loop, promoted(loop), epoch, 0.9) == STOP
    assert loop.journal.trials["t0000"].status == "failed"
    assert f"went on with epoch {epoch} after a pause at epoch 3" in str(loop.journal.trials["t0000"].error)


def test_a_trial_whose_process_died_may_repeat_epochs(loop: Loop) -> None:
    trial = started(loop)
    result(loop, trial, 1, 0.1), result(loop, trial, 2, 0.1)
    loop.scheduler.on_trial_error(loop, trial)
    loop.scheduler.on_trial_add(loop, trial)
    assert [result(loop, trial, epoch, 0.1) for epoch in (1, 2, 3)] == [CONTINUE, CONTINUE, PAUSE]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_stops_the_trial_and_leaves_no_mark(loop: Loop, value: float) -> None:
    assert result(loop, started(loop), 3, value) == STOP
    assert loop.scheduler._rungs.values == {3: {}}


def test_a_report_without_the_objective_is_let_pass(loop: Loop) -> None:
    assert loop.scheduler.on_trial_result(loop, started(loop), {"failure": "diverged"}) == CONTINUE


def test_a_trial_that_is_given_up_is_stopped_once_and_the_search_goes_on_to_its_end(loop: Loop) -> None:
    while not loop.scheduler.paused:
        loop.run(1)
    loop.scheduler.give_one_up()
    loop.run()
    (key,) = loop.scheduler.given_up
    assert loop.is_finished and len(loop.ends()) == TRIALS
    assert loop.ends()[key] == ("stopped", 3)
    assert max(length for _, length in loop.ends().values()) == 9


def test_the_least_promising_trial_is_given_up_then_the_next(loop: Loop) -> None:
    trials = [started(loop, f"t{number:04d}") for number in range(3)]
    for trial, value in zip(trials, (0.2, 0.1, 0.15), strict=True):
        result(loop, trial, 3, value)
    given_up = []
    for _ in range(2):
        loop.scheduler.give_one_up()
        given_up.append(set(loop.scheduler.given_up))
    assert given_up == [{"t0001"}, {"t0001", "t0002"}]


def test_nobody_is_given_up_where_nobody_waits(loop: Loop) -> None:
    loop.scheduler.give_one_up()
    assert loop.scheduler.given_up == set()
