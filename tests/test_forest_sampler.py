"""The forest sampler finds good regions of mixed spaces, tries nothing twice, and knows failures for what they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from experiments.journal import Journal, TrialRecord
from experiments.limits import Limits
from experiments.policy.forest_sampler import ForestSampler, encode
from experiments.searcher import OptunaSearcher
from tests.bench.suggest import suggest_ms


def space(trial: Any) -> None:
    """A rate, a choice, and a number that only one choice has."""
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    if trial.suggest_categorical("optimizer", ["adamw", "sgd"]) == "sgd":
        trial.suggest_float("momentum", 0.5, 0.99)


def value(params: dict[str, Any]) -> float:
    """Best for SGD with lr 0.03 and momentum 0.9."""
    return -abs(np.log10(params["lr"]) + 1.5) - abs(params.get("momentum", 0.0) - 0.9)


def play(journal: Journal, count: int, sampler: str = "forest", seed: int = 0, failing: str = "") -> list[float]:
    """Propose and finish trials; those with the optimizer `failing` fail."""
    one = OptunaSearcher(space, journal, "val_miou", 60, 3, seed=seed, sampler=sampler)
    for _ in range(count):
        config: Any = one.suggest(name := str(len(journal.trials)))
        if config["optimizer"] == failing:
            journal.end_trial(config["trial_key"], "failed", "out of memory")
        else:
            journal.add_epoch(config["trial_key"], 1, {"val_miou": value(config)})
        one.on_trial_complete(name)
    return [value(record.params) for record in journal.trials.values()]


def test_a_search_with_a_forest_comes_nearer_to_the_best_than_a_random_one(tmp_path: Path) -> None:
    best = {
        sampler: [max(play(Journal(tmp_path / f"{sampler}{seed}"), 40, sampler, seed)) for seed in range(5)]
        for sampler in ("forest", "random")
    }
    assert np.mean(best["forest"]) > 0.5 * np.mean(best["random"])  # of values below 0


def test_proposals_go_where_the_good_trials_are(tmp_path: Path) -> None:
    scores = play(Journal(tmp_path / "journal"), 40)
    assert np.median(scores[25:]) > np.median(scores[:10]) + 0.3


def test_a_branch_in_which_trials_fail_is_left(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    play(journal, 40, failing="sgd")
    late = [record.params["optimizer"] for record in list(journal.trials.values())[20:]]
    assert late.count("sgd") <= 4


def wish(trial: Any) -> None:
    """The larger the better, and the more memory it takes."""
    trial.suggest_float("x", 0.0, 1.0)


def infeasible_late(journal: Journal, sampler: str, warm: Sequence[TrialRecord] = (), late: int = 24) -> int:
    """Propose 60 trials of which those with x above 0.5 break a limit; how many do from the trial `late` on."""
    limits = Limits(max_memory_mb=50)
    one = OptunaSearcher(wish, journal, "val_miou", 60, 1, sampler=sampler, limits=limits, warm=warm)
    for number in range(60):
        config: Any = one.suggest(str(number))
        report = {"epoch": 1, "val_miou": config["x"], "peak_memory_mb": 100 * config["x"]}
        journal.add_epoch(config["trial_key"], 1, report)
        one.on_trial_result(str(number), report)
        if broken := limits.broken(report):
            journal.end_trial(config["trial_key"], "failed", broken)
        one.on_trial_complete(str(number))
    return [record.infeasible for record in journal.trials.values()][late:].count(True)


@pytest.mark.parametrize("sampler", ["forest", "mixed"])
def test_what_broke_a_limit_is_left(tmp_path: Path, sampler: str) -> None:
    assert infeasible_late(Journal(tmp_path / "journal"), sampler) <= 15  # of 36


def test_a_warm_start_above_the_limit_is_no_place_to_go_to(tmp_path: Path) -> None:
    warm = []
    for number in range(12):
        x = number / 12
        warm.append(TrialRecord(f"w{number}", {"x": x}, {}, {"x": x}, status="finished"))
        warm[-1].epochs[1] = {"val_miou": x, "peak_memory_mb": 100 * x}
    assert infeasible_late(Journal(tmp_path / "journal"), "forest", warm, late=0) <= 20  # of 60


def small(trial: Any) -> None:
    """Six points in all."""
    trial.suggest_categorical("a", [1, 2, 3])
    trial.suggest_int("b", 0, 1)


def told(points: list[tuple[dict[str, Any], float]], directions: int = 1) -> optuna.Study:
    """A study of complete trials over the small space; a second value is the number b."""
    study = optuna.create_study(directions=["maximize", "minimize"][:directions])
    kinds = {
        "a": optuna.distributions.CategoricalDistribution((1, 2, 3)),
        "b": optuna.distributions.IntDistribution(0, 1),
    }
    for params, standing in points:
        values = [standing, float(params["b"])][:directions]
        study.add_trial(optuna.trial.create_trial(values=values, params=params, distributions=kinds))
    return study


def proposed(study: optuna.Study, seed: int) -> dict[str, Any]:
    study.sampler = ForestSampler(small, seed, num_random=4)
    trial = study.ask()
    small(trial)
    return trial.params


def test_no_point_is_tried_twice_while_there_are_others() -> None:
    points = [{"a": a, "b": b} for a in (1, 2, 3) for b in (0, 1)]
    study = told([(point, number / 5) for number, point in enumerate(points[:5])])
    assert {tuple(proposed(study, seed).values()) for seed in range(10)} == {(3, 1)}
    assert proposed(told([(point, 0.5) for point in points]), 0) in points


def test_of_two_objectives_each_proposal_draws_a_mix() -> None:
    points = [({"a": a, "b": b}, 0.9 if b else 0.1) for a in (1, 2) for b in (0, 1)]
    assert {proposed(told(points, directions=2), seed)["b"] for seed in range(30)} == {0, 1}
    assert {proposed(told(points), seed)["b"] for seed in range(10)} == {1}


def test_points_become_rows_of_numbers_on_the_scales_of_their_dimensions() -> None:
    points = [{"lr": 0.001, "kind": "x"}, {"lr": 0.1, "kind": "y", "p": 2}, {"lr": 0.01, "kind": "x", "p": 6}]
    rows = encode(points, {"lr": True, "kind": ("x", "y"), "p": False})
    np.testing.assert_allclose(rows[:, 0], np.log([0.001, 0.1, 0.01]))
    np.testing.assert_array_equal(rows[:, 1:3], [[1, 0], [0, 1], [1, 0]])
    np.testing.assert_array_equal(rows[:, 3], [-2, 2, 6])


@pytest.mark.parametrize("name", ["quick", "wide"])
def test_the_time_of_a_suggestion_can_be_measured_on_every_space(name: str) -> None:
    assert suggest_ms(20, name) > 0
