"""The progress of a search: who runs, who waits at a rung, and when it will end."""

from pathlib import Path

import pytest

from experiments import terminal
from experiments.journal import Journal, TrialRecord
from experiments.policy.rungs import planned_epochs
from experiments.settings import SearchSettings
from experiments.showing import progress as progress_module
from experiments.showing.progress import Progress, progress_of


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def report(progress: Progress, record: TrialRecord, epoch: int, value: float = 0.5, **more: float) -> None:
    progress.journal.add_epoch(record.key, epoch, {"val_miou": value, **more})
    progress.epoch_reported(record, epoch)


def test_the_plan_counts_who_goes_on_at_each_rung() -> None:
    assert planned_epochs(6, 9, [3], 3) == 6 * 3 + 2 * 6
    assert planned_epochs(27, 27, [3, 9], 3) == 27 * 3 + 9 * 6 + 3 * 18
    assert planned_epochs(2, 9, [3], 3) == 2 * 3 + 1 * 6
    assert planned_epochs(27, 27, [3, 9], 3, full_trials=5) == 27 * 3 + 9 * 6 + 5 * 18
    assert planned_epochs(4, 9, [3], 3, full_trials=5) == 4 * 9


def test_a_trial_waits_from_its_rung_until_it_starts_again(journal: Journal) -> None:
    progress, record = Progress(journal, "val_miou", 6, 9, rungs=(3,)), journal.add_trial({}, {}, {})
    states = [progress.state(record)]
    progress.trial_started(record)
    for epoch in (2, 3):
        report(progress, record, epoch)
        states.append(progress.state(record))
    progress.trial_started(record)
    assert [*states, progress.state(record)] == ["waiting", "running", "waiting", "running"]


def test_a_trial_that_goes_on_from_its_rung_at_once_runs(journal: Journal) -> None:
    progress, record = Progress(journal, "val_miou", 6, 9, rungs=(3,)), journal.add_trial({}, {}, {})
    progress.trial_started(record)
    for epoch in (3, 4):  # no pause, so nobody starts it again
        report(progress, record, epoch)
    assert progress.state(record) == "running"


def test_the_eta_is_what_is_left_of_the_plan_at_the_pace_so_far(journal: Journal, clock: list[float]) -> None:
    progress = Progress(journal, "val_miou", 6, 9, rungs=(3,), planned_epochs=30.0)
    record = journal.add_trial({}, {}, {})
    clock[0] += 50  # Ray starts; that is not the trials' pace
    progress.trial_started(record)
    clock[0] += 20
    report(progress, record, 1)
    report(progress, record, 2)
    assert progress.eta_s() == pytest.approx((30 - 2) * 10)
    assert progress.elapsed_s() == 70


def test_without_a_plan_the_eta_follows_the_trials_that_ended(journal: Journal, clock: list[float]) -> None:
    progress, record = Progress(journal, "val_miou", 6, 9), journal.add_trial({}, {}, {})
    progress.trial_started(record)
    assert progress.eta_s() is None
    clock[0] += 30
    for epoch in (1, 2, 3):
        report(progress, record, epoch)
    journal.end_trial(record.key, "stopped", None)
    progress.trial_ended(record)
    assert progress.eta_s() == pytest.approx(5 * 3 * 10)


def test_a_running_trial_has_the_time_to_its_next_rung_and_a_waiting_one_has_none(journal: Journal) -> None:
    progress, record = Progress(journal, "val_miou", 6, 9, rungs=(3,)), journal.add_trial({}, {}, {})
    progress.trial_started(record)
    assert progress.trial_eta_s(record) is None
    report(progress, record, 1, epoch_s=4.0)
    assert progress.trial_eta_s(record) == 2 * 4
    report(progress, record, 3, epoch_s=4.0)
    assert progress.trial_eta_s(record) is None
    progress.trial_started(record)
    assert progress.trial_eta_s(record) == 6 * 4


def test_the_best_is_the_highest_report_also_after_a_restart(journal: Journal) -> None:
    progress = Progress(journal, "val_miou", 6, 9)
    for value in (0.3, 0.6, 0.4):
        record = journal.add_trial({}, {}, {})
        progress.trial_started(record)
        report(progress, record, 1, value)
    assert progress.best == Progress(journal, "val_miou", 6, 9).best == (0.6, "t0001", 1)


def test_a_search_that_promotes_has_rungs_and_a_plan(journal: Journal, tmp_path: Path) -> None:
    settings = SearchSettings("data", "quick", "first", out=str(tmp_path), trials=6, epochs=9)
    progress = progress_of(settings, journal)
    assert (progress.rungs, progress.planned_epochs) == ((3,), 30.0)


def test_a_long_step_says_how_far_it_is_now_and_then_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    show = terminal.progress_line("photos labelled")
    show(1, 4)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(terminal, "LINE_EVERY_S", -1.0)
    show(2, 4)
    assert capsys.readouterr().out == "photos labelled: 2/4, about 0 s left\n"
    show(4, 4)
    assert capsys.readouterr().out == "photos labelled: 4 in 0 s\n"
