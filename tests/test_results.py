"""`results.json` ranks trials by their best epoch of the objective."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.journal import TrialRecord
from experiments.results import (
    TrialResult,
    best_trial,
    candidates,
    in_order,
    rank,
    read_results,
    result_of,
    varying,
    write_results,
)
from trashseg_core.errors import BadInput

FIELDS = "trial_id status val_miou val_miou_low best_epoch epochs_run config checkpoint seconds error".split()


def record(status: str | None = "finished", **metrics: list[float]) -> TrialRecord:
    """A trial with the given metrics, one value per epoch."""
    length = max((len(values) for values in metrics.values()), default=0)
    epochs = {epoch: {name: values[epoch - 1] for name, values in metrics.items()} for epoch in range(1, length + 1)}
    return TrialRecord("t0000", {}, {}, {"lr": 0.1}, epochs, status, "it broke" if status == "failed" else None)


def row(trial_id: str, value: float | None, **replaced: Any) -> TrialResult:
    made = TrialResult(
        trial_id, "finished", value, value, 1, 3, {"lr": 0.1}, f"trials/{trial_id}/epoch_0001", 1.0, None
    )
    return replace(made, **replaced)


def with_checkpoints(folder: Path, *epochs: int) -> Path:
    for epoch in epochs:
        (folder / f"trials/t0000/epoch_{epoch:04d}").mkdir(parents=True)
    return folder


def test_best_is_the_best_epoch_of_the_objective_not_the_last_nor_the_lowest_loss(tmp_path: Path) -> None:
    trial = record(val_miou=[0.3, 0.6, 0.5, 0.4], val_loss=[0.9, 0.8, 0.1, 0.5])
    result = result_of(trial, "val_miou", with_checkpoints(tmp_path, 2, 4))
    assert (result.best_epoch, result.val_miou, result.checkpoint) == (2, 0.6, "trials/t0000/epoch_0002")


def test_the_other_objective_has_a_best_epoch_of_its_own(tmp_path: Path) -> None:
    trial = record(val_miou=[0.5, 0.6], val_miou_low=[0.4, 0.3])
    result = result_of(trial, "val_miou_low", tmp_path)
    assert (result.best_epoch, result.val_miou, result.val_miou_low) == (1, 0.5, 0.4)


def test_all_epochs_count_as_run_and_their_time_is_summed(tmp_path: Path) -> None:
    result = result_of(record(val_miou=[0.5, 0.4, 0.3], epoch_s=[1.5, 2.0, 2.25]), "val_miou", tmp_path)
    assert (result.epochs_run, result.seconds) == (3, 5.75)


def test_a_trial_without_an_end_counts_as_stopped(tmp_path: Path) -> None:
    assert result_of(record(None, val_miou=[0.5]), "val_miou", with_checkpoints(tmp_path, 1)).status == "stopped"


def test_a_failed_trial_that_left_no_checkpoint_has_none(tmp_path: Path) -> None:
    result = result_of(record("failed"), "val_miou", tmp_path)
    assert (result.checkpoint, result.best_epoch, result.val_miou, result.error) == (None, None, None, "it broke")


def test_a_failed_trial_keeps_the_checkpoint_that_it_left(tmp_path: Path) -> None:
    result = result_of(record("failed", val_miou=[0.5]), "val_miou", with_checkpoints(tmp_path, 1))
    assert result.checkpoint == "trials/t0000/epoch_0001"


def test_a_trial_interrupted_in_its_first_epoch_is_not_called_stopped(tmp_path: Path) -> None:
    result = result_of(record(None), "val_miou", tmp_path)
    assert (result.checkpoint, result.status) == (None, "failed")


def test_a_checkpoint_is_named_relative_to_the_run_folder(tmp_path: Path) -> None:
    result = result_of(record(val_miou=[0.5]), "val_miou", with_checkpoints(tmp_path, 1))
    assert (tmp_path / str(result.checkpoint)).is_dir()
    assert not Path(str(result.checkpoint)).is_absolute()


def test_the_highest_value_comes_first_and_a_trial_without_one_last() -> None:
    rows = [row("t0000", 0.4), row("t0001", None), row("t0002", 0.6), row("t0003", 0.0), row("t0004", 0.5)]
    random.Random(0).shuffle(rows)
    assert [one.trial_id for one in rank(rows, "val_miou")] == ["t0002", "t0004", "t0000", "t0003", "t0001"]


def test_equals_are_ranked_by_id() -> None:
    rows = [row("t0002", 0.5), row("t0000", 0.5), row("t0001", 0.5)]
    assert [one.trial_id for one in rank(rows, "val_miou")] == ["t0000", "t0001", "t0002"]


def test_the_low_quantile_ranks_by_itself() -> None:
    rows = [row("t0000", 0.9, val_miou_low=0.1), row("t0001", 0.5, val_miou_low=0.4)]
    assert rank(rows, "val_miou_low")[0].trial_id == "t0001"


def test_results_read_back_equal_what_was_written(tmp_path: Path) -> None:
    rows = [row("t0000", 0.5), row("t0001", None, status="failed", checkpoint=None, error='a "quoted" reason ü')]
    write_results(tmp_path / "results.json", rows)
    assert read_results(tmp_path / "results.json") == rows


def test_each_row_has_exactly_the_fields_of_the_contract(tmp_path: Path) -> None:
    write_results(tmp_path / "results.json", [row("t0000", 0.5)])
    assert list(json.loads((tmp_path / "results.json").read_text())[0]) == FIELDS


@pytest.mark.parametrize("content", ["{}{}", "nonsense", ""])
def test_a_file_that_is_not_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(BadInput, match="results.json: not valid JSON"):
        read_results(tmp_path / "results.json")


@pytest.mark.parametrize("content", ["5", '[{"trial_id": "t0000"}]', "[5]", '[{"bogus": 1}]'])
def test_json_that_is_no_list_of_results_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(BadInput, match="results.json: not a list of trial results. `resume .*` writes it anew"):
        read_results(tmp_path / "results.json")


def test_candidates_are_the_best_with_a_checkpoint_that_did_not_fail() -> None:
    rows = [
        row("t0000", 0.9, status="failed"),
        row("t0001", 0.8, checkpoint=None),
        row("t0002", 0.7),
        row("t0003", 0.6),
    ]
    rows += [row("t0004", 0.5, status="stopped"), row("t0005", 0.4)]
    assert [one.trial_id for one in candidates(rows, 3)] == ["t0002", "t0003", "t0004"]


def test_a_search_without_a_checkpoint_has_no_candidates() -> None:
    with pytest.raises(BadInput, match="No trial left a checkpoint.*Run a search first"):
        candidates([row("t0000", None, status="failed", checkpoint=None)], 3)


def test_trials_are_ordered_by_number_beyond_the_padding() -> None:
    assert [one.trial_id for one in in_order([row("t10000", 0.5), row("t9999", 0.5)])] == ["t9999", "t10000"]


def test_the_best_trial_did_not_fail_and_a_score_of_0_counts() -> None:
    rows = [row("t0000", None), row("t0001", 0.0), row("t0002", 0.9, status="failed")]
    found = best_trial(rows, "val_miou")
    assert found is not None and found.trial_id == "t0001"
    assert best_trial(rows[:1], "val_miou") is None


def test_hyperparameters_vary_also_where_some_trials_lack_them() -> None:
    rows = [row("t0000", 0.5, config={"lr": 1, "a": 2}), row("t0001", 0.5, config={"lr": 1})]
    assert varying(rows) == ["a"]
