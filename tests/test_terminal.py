"""The terminal shows who runs, who waits at a rung, and when the search will end."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from experiments import terminal as terminal_module
from experiments.journal import Journal, TrialRecord
from experiments.policy.rungs import planned_epochs
from experiments.terminal import Terminal


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(terminal_module.time, "monotonic", lambda: now[0])
    return now


def terminal(journal: Journal, **options: object) -> Terminal:
    return Terminal(journal, "val_miou", 6, 9, console=Console(file=io.StringIO(), width=200), **options)  # type: ignore[arg-type]


def report(shown: Terminal, record: TrialRecord, epoch: int, value: float = 0.5) -> None:
    shown.journal.add_epoch(record.key, epoch, {"val_miou": value})
    shown.epoch_reported(record, epoch)


def test_the_plan_counts_who_goes_on_at_each_rung() -> None:
    assert planned_epochs(6, 9, [3], 3) == 6 * 3 + 2 * 6
    assert planned_epochs(27, 27, [3, 9], 3) == 27 * 3 + 9 * 6 + 3 * 18
    assert planned_epochs(2, 9, [3], 3) == 2 * 3 + 1 * 6


def test_a_trial_waits_from_its_rung_until_it_starts_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    shown, record = terminal(journal, rungs=(3,)), journal.add_trial({}, {}, {})
    states = []
    shown.trial_started(record)
    for epoch in (2, 3):
        report(shown, record, epoch)
        states.append("running" in shown._row(record)[1])
    shown.trial_started(record)
    assert [*states, "running" in shown._row(record)[1]] == [True, False, True]


def test_the_eta_is_what_is_left_of_the_plan_at_the_pace_so_far(tmp_path: Path, clock: list[float]) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    shown, record = terminal(journal, rungs=(3,), planned_epochs=30.0), journal.add_trial({}, {}, {})
    shown.trial_started(record)
    clock[0] += 20
    report(shown, record, 1)
    report(shown, record, 2)
    assert shown.eta_s() == pytest.approx((30 - 2) * 10)


def test_without_a_plan_the_eta_follows_the_trials_that_ended(tmp_path: Path, clock: list[float]) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    shown, record = terminal(journal), journal.add_trial({}, {}, {})
    shown.trial_started(record)
    assert shown.eta_s() is None
    clock[0] += 30
    for epoch in (1, 2, 3):
        report(shown, record, epoch)
    journal.end_trial(record.key, "stopped", None)
    shown.trial_ended(record)
    assert shown.eta_s() == pytest.approx(5 * 3 * 10)
