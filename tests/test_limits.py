"""Limits on what a trial may cost."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.journal import Journal
from experiments.limits import Limits
from experiments.recorder import FAILURE, Recorder
from tests.promotion_loop import Fake

LIMITS = Limits(max_memory_mb=4000, max_parameters_m=20)


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        ({"parameters_m": 20.0}, None),
        ({"parameters_m": 25.125}, "infeasible: parameters_m is 25.12, above `--max-parameters-m 20`"),
        ({"epoch": 1, "peak_memory_mb": 4001}, "infeasible: peak_memory_mb is 4001, above `--max-memory-mb 4000`"),
        ({"epoch": 2, "peak_memory_mb": 4001}, None),
        ({"epoch": 1, "val_miou": 0.5}, None),
    ],
)
def test_a_report_above_a_limit_is_said_to_be(metrics: dict[str, Any], sentence: str | None) -> None:
    assert LIMITS.broken(metrics) == sentence


def test_both_limits_are_named_when_both_are_broken() -> None:
    told = LIMITS.broken({"parameters_m": 21, "peak_memory_mb": 5000})
    assert told is not None and "parameters_m" in told and "peak_memory_mb" in told


def test_excesses_are_relative_and_at_most_zero_within_the_limit() -> None:
    assert LIMITS.excesses({"parameters_m": 30}) == {"peak_memory_mb": 0, "parameters_m": pytest.approx(0.5)}
    assert LIMITS.excesses({"peak_memory_mb": 1000})["peak_memory_mb"] < 0


def test_what_was_measured_before_training_is_kept_for_the_sampler(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add_trial({}, {}, {})
    result = {FAILURE: LIMITS.broken({"parameters_m": 30.0}), "parameters_m": 30.0}
    Recorder(journal, "val_miou", (), LIMITS).on_trial_result(0, [], Fake("a", {"trial_key": "t0000"}), result)
    record = Journal(journal.path).trials["t0000"]
    assert record.infeasible and record.first_metrics == {"parameters_m": 30.0}


def test_a_trial_that_breaks_a_limit_keeps_its_first_epoch_and_ends(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add_trial({}, {}, {})
    result = {"epoch": 1, "val_miou": 0.5, "peak_memory_mb": 5000.0}
    Recorder(journal, "val_miou", (), LIMITS).on_trial_result(0, [], Fake("a", {"trial_key": "t0000"}), result)
    events = [json.loads(line)["event"] for line in journal.path.read_text().splitlines()]
    assert events == ["trial", "epoch", "end"] and journal.trials["t0000"].infeasible


def test_other_failures_are_not_infeasible(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add_trial({}, {}, {})
    journal.end_trial("t0000", "failed", "out of memory")
    assert not journal.trials["t0000"].infeasible
