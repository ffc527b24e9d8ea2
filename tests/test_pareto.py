"""The Pareto front of a search: what is in it, and where it is shown."""

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.checkpoints.keeper import Keeper
from experiments.journal import TrialRecord
from experiments.pareto import front_sentence, read_front, write_front
from experiments.results import TrialResult, rank
from experiments.sections.front_section import front_section
from tests.made_run import run_of
from tests.test_keeper import Search

VALUES = {"t0000": (0.5, 0.02), "t0001": (0.7, 0.09), "t0002": (0.4, 0.03), "t0003": (0.9, 0.5)}


def result(key: str, value: float | None) -> TrialResult:
    return TrialResult(key, "finished", value, value, 1, 3, {}, f"trials/{key}/epoch_0001", 1.0, None)


def records() -> dict[str, TrialRecord]:
    """Three measurements each, one of them disturbed."""
    made = {}
    for key, (value, cost) in VALUES.items():
        epochs = {
            epoch: {"val_miou": value, "val_s_per_image": noisy} for epoch, noisy in enumerate((cost, cost, 9.0), 1)
        }
        made[key] = TrialRecord(key, {}, {}, {}, epochs, "finished")
    return made


@pytest.fixture
def results() -> list[TrialResult]:
    """Four trials, of which the best one failed."""
    rows = [result(key, value) for key, (value, _) in VALUES.items()]
    return rank([*rows[:3], replace(rows[3], status="failed", error="infeasible: too slow")], "val_miou")


def test_the_front_is_cheapest_first_by_the_median_and_without_failed_trials(
    tmp_path: Path, results: list[TrialResult]
) -> None:
    front = write_front(tmp_path, results, records(), "val_miou", "val_s_per_image")
    assert [(row["trial_id"], row["val_miou"], row["val_s_per_image"]) for row in front] == [
        ("t0000", 0.5, 0.02),
        ("t0001", 0.7, 0.09),
    ]
    document = read_front(tmp_path)
    assert document is not None and document["front"] == front


def test_a_trial_without_a_checkpoint_is_not_in_the_front(tmp_path: Path, results: list[TrialResult]) -> None:
    left = [replace(one, checkpoint=None) if one.trial_id == "t0000" else one for one in results]
    front = write_front(tmp_path, left, records(), "val_miou", "val_s_per_image")
    assert [row["trial_id"] for row in front] == ["t0002", "t0001"]


def test_failed_trials_come_last_whatever_they_had_reached(results: list[TrialResult]) -> None:
    assert [one.trial_id for one in results] == ["t0001", "t0000", "t0002", "t0003"]


def test_the_summary_and_the_report_show_the_front(tmp_path: Path, results: list[TrialResult]) -> None:
    assert front_sentence(tmp_path) == "" and front_section(run_of(results, path=tmp_path, records=records())) == {}
    write_front(tmp_path, results, records(), "val_miou", "val_s_per_image")
    told = front_sentence(tmp_path)
    assert (
        told == "Pareto front val_miou at val_s_per_image: t0000 0.5000 at 0.02, t0001 0.7000 at 0.09 (pareto.json)\n"
    )
    html = front_section(run_of(results, path=tmp_path, records=records()))["Pareto front"].html
    assert "t0001" in html and "t0003" not in html


def test_the_cheap_end_of_a_front_keeps_its_weights(tmp_path: Path) -> None:
    search = Search(tmp_path, top_k=1, keep=3, second_objective="parameters_m")
    keeper = Keeper(search.journal, search.settings)
    for right, cost in ((500, 1.0), (600, 5.0), (700, 9.0), (650, 9.5), (800, 9.6)):
        record = search.run(right)
        search.journal.add_epoch(record.key, 2, {"parameters_m": cost})
        search.journal.end_trial(record.key, "finished")
        keeper.trial_ended(record)
    assert search.whole() == ["t0000", "t0001", "t0004"]  # by the objective alone t0002, t0003 and t0004
