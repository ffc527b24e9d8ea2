"""The journal holds what was recorded, on disk before the call returns, and survives a kill at any byte."""

import json
import os
from pathlib import Path

import pytest

from experiments.journal import Journal, TrialRecord
from trashseg_core.errors import BadInput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of two trials: one finished after two epochs, one running after one."""
    journal = Journal(tmp_path / "journal.jsonl")
    for lr in (0.1, 0.2):
        journal.add_trial({"lr": lr}, {"lr": "{}"}, {"lr": lr, "seed": 7})
    journal.add_epoch("t0000", 1, {"val_miou": 0.3})
    journal.add_epoch("t0000", 2, {"val_miou": 0.5})
    journal.add_epoch("t0001", 1, {"val_miou": 0.4})
    journal.end_trial("t0000", "finished")
    journal.close()
    return journal.path


def reopened(path: Path) -> dict[str, TrialRecord]:
    journal = Journal(path)
    journal.close()
    return journal.trials


def test_a_new_journal_is_empty(tmp_path: Path) -> None:
    assert reopened(tmp_path / "journal.jsonl") == {}


def test_trials_are_numbered_in_the_order_they_were_proposed(path: Path) -> None:
    assert list(reopened(path)) == ["t0000", "t0001"]


def test_a_reopened_journal_holds_every_field(path: Path) -> None:
    metrics = {1: {"val_miou": 0.3}, 2: {"val_miou": 0.5}}
    expected = TrialRecord("t0000", {"lr": 0.1}, {"lr": "{}"}, {"lr": 0.1, "seed": 7}, metrics, "finished", None)
    assert reopened(path)["t0000"] == expected


def test_a_trial_without_an_end_is_open(path: Path) -> None:
    assert reopened(path)["t0001"].status is None


def test_the_reason_of_a_failure_is_kept(path: Path) -> None:
    journal = Journal(path)
    journal.end_trial("t0001", "failed", "out of memory")
    journal.close()
    assert reopened(path)["t0001"].error == "out of memory"


def test_a_reopened_journal_goes_on_where_it_ended(path: Path) -> None:
    journal = Journal(path)
    assert journal.add_trial({}, {}, {}).key == "t0002"
    journal.close()
    assert list(reopened(path)) == ["t0000", "t0001", "t0002"]


@pytest.mark.reliability("half-writes")
def test_a_half_last_line_is_dropped_wherever_the_kill_cut_it(path: Path) -> None:
    whole = path.read_bytes()
    start = whole.rstrip(b"\n").rfind(b"\n") + 1
    for length in range(start, len(whole)):
        path.write_bytes(whole[:length])
        assert reopened(path)["t0000"].status is None


def test_what_follows_a_half_line_does_not_stick_to_it(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b'{"event": "epoch", "key": "t00')
    journal = Journal(path)
    journal.add_epoch("t0001", 2, {"val_miou": 0.6})
    journal.close()
    assert reopened(path)["t0001"].epochs == {1: {"val_miou": 0.4}, 2: {"val_miou": 0.6}}


@pytest.mark.reliability("state-damaged")
@pytest.mark.parametrize(
    "damage", [b"{broken", b"5", b'{"event": "epoch"}', b'{"event": "end", "key": "t9999"}', b"\xff"]
)
def test_a_damaged_middle_line_is_refused_with_its_number(path: Path, damage: bytes) -> None:
    lines = path.read_bytes().splitlines()
    lines[2] = damage
    path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(BadInput, match=r"journal.jsonl: line 3 is damaged. Restore the file from a backup"):
        Journal(path)


def test_an_epoch_is_recorded_once(path: Path) -> None:
    before = path.read_bytes()
    journal = Journal(path)
    assert journal.add_epoch("t0000", 2, {"val_miou": 0.9}) is False
    journal.close()
    assert path.read_bytes() == before


def test_a_new_epoch_is_said_to_be_new(path: Path) -> None:
    journal = Journal(path)
    assert journal.add_epoch("t0001", 2, {"val_miou": 0.9}) is True


def test_a_value_that_is_not_finite_is_never_written(path: Path) -> None:
    before = path.read_bytes()
    journal = Journal(path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        journal.add_epoch("t0001", 2, {"val_miou": float("nan")})
    journal.close()
    assert path.read_bytes() == before


def test_each_event_is_on_disk_when_the_call_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    journal = Journal(path)

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr("experiments.journal.os.fsync", fsync)
    sizes = []
    for action in (
        lambda: journal.add_trial({}, {}, {}),
        lambda: journal.add_epoch("t0002", 1, {"val_miou": 0.1}),
        lambda: journal.end_trial("t0002", "finished"),
    ):
        action()
        sizes.append(path.stat().st_size)
    assert synced == sizes


def test_each_event_is_one_line_with_its_time(path: Path) -> None:
    events = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]
    assert [event["event"] for event in events] == ["trial", "trial", "epoch", "epoch", "epoch", "end"]
    assert all(event["time"] > 1.6e9 for event in events)


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        ({1: 0.3, 2: 0.5, 3: 0.4}, (2, 0.5)),
        ({1: 0.3, 2: 0.5, 3: 0.5}, (2, 0.5)),
        ({3: 0.5, 1: 0.5}, (1, 0.5)),
        ({1: 0.0}, (1, 0.0)),
        ({}, None),
    ],
)
def test_best_is_the_highest_value_and_the_earlier_of_equals(epochs: dict[int, float], expected: object) -> None:
    record = TrialRecord("t0000", {}, {}, {}, {epoch: {"val_miou": value} for epoch, value in epochs.items()})
    assert record.best("val_miou") == expected


def test_best_ignores_epochs_without_the_objective() -> None:
    record = TrialRecord("t0000", {}, {}, {}, {1: {"val_miou": 0.9}, 2: {"val_miou_low": 0.1}})
    assert record.best("val_miou_low") == (2, 0.1)
