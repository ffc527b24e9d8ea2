"""Every report is in the journal before anybody else hears of it."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.journal import Journal, TrialRecord
from experiments.recorder import FAILURE, Recorder


class Listening:
    """A listener that keeps what it was told, and what the journal on disk held at that moment."""

    def __init__(self, path: Path) -> None:
        self.path, self.calls = path, list[tuple[Any, ...]]()

    def _on_disk(self, record: TrialRecord) -> TrialRecord:
        return Journal(self.path).trials[record.key]

    def trial_started(self, record: TrialRecord) -> None:
        """Keep it."""
        self.calls.append(("started", record.key))

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Keep it with the metrics on disk."""
        self.calls.append(("epoch", record.key, epoch, self._on_disk(record).epochs.get(epoch)))

    def trial_ended(self, record: TrialRecord) -> None:
        """Keep it with the status on disk."""
        self.calls.append(("ended", record.key, self._on_disk(record).status))


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Journal, Listening, Recorder]:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add_trial({}, {}, {})
    listener = Listening(journal.path)
    return journal, listener, Recorder(journal, "val_miou", (listener,))


TRIAL = SimpleNamespace(config={"trial_key": "t0000"}, get_error=lambda: None)
Parts = tuple[Journal, Listening, Recorder]


def report(recorder: Recorder, **result: Any) -> None:
    recorder.on_trial_result(0, [], TRIAL, result)


def test_an_epoch_is_on_disk_when_the_listeners_hear_of_it(parts: Parts) -> None:
    _, listener, recorder = parts
    report(recorder, epoch=1, val_miou=0.5, val_loss=0.7)
    assert listener.calls == [("epoch", "t0000", 1, {"epoch": 1, "val_miou": 0.5, "val_loss": 0.7})]


def test_an_epoch_that_a_resumed_trial_repeats_is_told_once(parts: Parts) -> None:
    journal, listener, recorder = parts
    report(recorder, epoch=1, val_miou=0.5)
    report(recorder, epoch=1, val_miou=0.6)
    assert len(listener.calls) == 1
    assert journal.trials["t0000"].epochs[1]["val_miou"] == 0.5


def test_ray_s_own_keys_and_texts_are_not_recorded(parts: Parts) -> None:
    journal, _, recorder = parts
    own = {"training_iteration": 3, "time_total_s": 2.0, "pid": 7, "node_ip": "127.0.0.1", "timestamp": 5}
    report(recorder, epoch=1, val_miou=0.5, done=False, trial_id="abc", note="text", flag=True, **own)
    assert journal.trials["t0000"].epochs[1] == {"epoch": 1, "val_miou": 0.5}


def test_another_metric_that_is_not_finite_is_left_out(parts: Parts) -> None:
    journal, _, recorder = parts
    report(recorder, epoch=1, val_miou=0.5, iou_battery=math.nan)
    assert journal.trials["t0000"].epochs[1] == {"epoch": 1, "val_miou": 0.5}


@pytest.mark.reliability("non-finite")
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_objective_that_is_not_finite_ends_the_trial_as_failed(parts: Parts, value: float) -> None:
    journal, _, recorder = parts
    report(recorder, epoch=2, val_miou=value)
    record = journal.trials["t0000"]
    assert (record.status, record.epochs) == ("failed", {})
    assert record.error == f"reported val_miou = {value} in epoch 2"


def test_a_failure_is_recorded_with_its_reason(parts: Parts) -> None:
    journal, _, recorder = parts
    report(recorder, **{FAILURE: "TrainingFailed: the loss is nan"})
    assert journal.trials["t0000"].status == "failed"
    assert journal.trials["t0000"].error == "TrainingFailed: the loss is nan"


def test_a_report_of_a_trial_that_the_scheduler_has_ended_is_not_recorded(parts: Parts) -> None:
    journal, listener, recorder = parts
    journal.end_trial("t0000", "failed", "went on with epoch 1 after a pause at epoch 3")
    report(recorder, epoch=1, val_miou=0.5)
    assert (journal.trials["t0000"].epochs, listener.calls) == ({}, [])


@pytest.mark.parametrize("result", [{"epoch": 1}, {"val_miou": 0.5}, {}])
def test_a_report_without_objective_or_epoch_is_no_epoch(parts: Parts, result: dict[str, Any]) -> None:
    journal, listener, recorder = parts
    report(recorder, **result)
    assert (journal.trials["t0000"].epochs, listener.calls) == ({}, [])


def test_a_start_is_passed_on(parts: Parts) -> None:
    _, listener, recorder = parts
    recorder.on_trial_start(0, [], TRIAL)
    assert listener.calls == [("started", "t0000")]


def test_an_end_is_passed_on(parts: Parts) -> None:
    journal, listener, recorder = parts
    journal.end_trial("t0000", "finished")
    recorder.on_trial_complete(0, [], TRIAL)
    assert listener.calls == [("ended", "t0000", "finished")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Traceback …\n\nray.exceptions.TaskError: killed", "ray.exceptions.TaskError: killed"),
        (None, "the process died"),
        ("", "the process died"),
    ],
)
def test_the_death_of_a_process_is_recorded_with_the_last_line_of_its_reason(
    parts: Parts, tmp_path: Path, text: str | None, reason: str
) -> None:
    journal, listener, recorder = parts
    path = None if text is None else str(tmp_path / "error.txt")
    if path is not None:
        Path(path).write_text(f"Failure # 3 (occurred at noon)\nearlier\nFailure # 4 (occurred at one)\n{text}\n")
    trial = SimpleNamespace(
        config={"trial_key": "t0000"}, error_file=path, run_metadata=SimpleNamespace(num_failures=4)
    )
    recorder.on_trial_error(0, [], trial)
    assert (journal.trials["t0000"].status, journal.trials["t0000"].error) == ("failed", reason)
    assert listener.calls == [("ended", "t0000", "failed")]


def test_each_step_of_tune_s_loop_is_passed_on(tmp_path: Path) -> None:
    steps: list[str] = []
    recorder = Recorder(Journal(tmp_path / "journal.jsonl"), "val_miou", each_step=lambda _: steps.append("step"))
    recorder.on_step_end(0, [])
    assert steps == ["step"]
