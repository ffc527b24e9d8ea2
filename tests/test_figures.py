"""Figures draw what the trials reached, with one trial, with failed ones and with gaps."""

from typing import Any

from experiments.drawing import figures
from experiments.journal import TrialRecord
from experiments.results import TrialResult, rank
from experiments.sections.classes_section import class_ious
from trashseg_core.ensemble.bundle import Ensemble


def result(trial_id: str, status: Any = "finished", value: float | None = 0.5, **config: Any) -> TrialResult:
    return TrialResult(trial_id, status, value, value, 1, 1, config, None, 1.0, None)


def record(trial_id: str, scores: list[float]) -> TrialRecord:
    return TrialRecord(trial_id, {}, {}, {}, {epoch: {"val_miou": score} for epoch, score in enumerate(scores, 1)})


def test_stopped_trials_are_dashed_and_the_best_one_is_drawn_last() -> None:
    rows = [result("t0000", value=0.6), result("t0001", value=0.4), result("t0002", "stopped", 0.1)]
    scores = {"t0000": [0.3, 0.6], "t0001": [0.2, 0.4], "t0002": [0.1]}
    records = {trial_id: record(trial_id, one) for trial_id, one in scores.items()}
    curves = figures.learning_curves(rows, records, "val_miou").data
    assert [curve.name for curve in curves] == ["stopped early", "finished", "best (t0000)"]
    assert [curve.line.dash for curve in curves] == ["dash", "solid", "solid"]
    assert list(curves[-1].y) == [0.3, 0.6]


def test_a_curve_skips_epochs_without_the_objective() -> None:
    gap = record("t0000", [0.3, 0.4, 0.5])
    gap.epochs[2] = {"val_loss": 1.0}
    curve = figures.learning_curves([result("t0000")], {"t0000": gap}, "val_miou").data[0]
    assert (list(curve.x), list(curve.y)) == ([1, 3], [0.3, 0.5])


def test_the_best_so_far_skips_failed_trials_and_never_falls() -> None:
    rows = [result("t0000", value=0.2), result("t0001", "failed", 0.9), result("t0002", value=0.4), result("t0003")]
    rows += [result("t0004", value=0.1), result("t0005", "failed", None)]
    line = figures.optimisation_history(rank(rows, "val_miou"), "val_miou").data[-1]
    assert (list(line.x), list(line.y)) == ([0, 2, 3, 4], [0.2, 0.4, 0.5, 0.5])


def test_figures_without_data_say_so() -> None:
    failed = [result("t0000", "failed", None)]
    empty = [figures.learning_curves(failed, {}, "val_miou"), figures.optimisation_history(failed, "val_miou")]
    empty += [class_ious({}), figures.ensemble_steps(Ensemble([], [], {}, 0, 0, [], {}))]
    assert all(len(one.layout.annotations) == 1 and not one.data for one in empty)


def test_ensemble_steps_show_what_was_tried_held_out_and_in_sample() -> None:
    evidence = [
        {"name": "single", "val_miou": 0.6, "held_out": 0.5, "error": 0.0, "kept": False, "why": "0.03 below greedy"},
        {"name": "soup", "kept": False, "why": "never scored"},
        {
            "name": "greedy",
            "val_miou": 0.58,
            "held_out": 0.53,
            "error": 0.01,
            "kept": True,
            "why": "best held out",
            "gain": 0.03,
        },
    ]
    in_sample, held_out = figures.ensemble_steps(Ensemble([], [], {}, 0, 0, [], {}, evidence=evidence)).data
    assert list(held_out.y) == list(in_sample.y) == ["1. single", "2. greedy"]
    assert (list(held_out.x), list(in_sample.x)) == ([0.5, 0.53], [0.6, 0.58])
    assert list(held_out.error_x.array) == [0, 0.01]
    assert list(held_out.marker.symbol) == ["circle-open", "circle"]
    assert list(held_out.hovertext) == ["0.03 below greedy", "gain +0.0300 ± 0.0100: best held out"]
