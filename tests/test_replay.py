"""The replay of search policies: tables from finished searches, fair rows, a budget that is kept, honest scores."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, distribution_to_json

from experiments.curve_table import write_curve_table
from experiments.journal import Journal
from experiments.policy.drawn_trial import DrawnTrial
from tests.bench.made_tables import made_table
from tests.bench.replay import Projection
from tests.bench.replay_policies import FULL_TRAININGS, Own, Stock, one_epoch_then_best, random_search
from tests.bench.replay_table import Table, read_table
from tests.bench.search import score
from trashseg_core.errors import BadInput

KINDS: dict[str, Any] = {
    "lr": FloatDistribution(1e-4, 1e-1, log=True),
    "optimizer": CategoricalDistribution(("adamw", "sgd")),
    "momentum": FloatDistribution(0.5, 0.99),
}
POLICIES = [
    Own("promotion"),
    Own("asha"),
    Own("promotion", "forest"),
    Stock(),
    Stock(guarded=False),
    random_search,
    one_epoch_then_best,
]


def table(num_rows: int = 60, epochs: int = 9) -> Table:
    """Curves that saturate; every tenth row diverges in epoch 2."""
    rng = np.random.default_rng(0)
    params: list[dict[str, Any]] = []
    curves = np.empty((num_rows, epochs))
    for row, curve in enumerate(curves):
        one: dict[str, Any] = {"lr": float(10 ** rng.uniform(-4, -1)), "optimizer": "sgd" if row % 2 else "adamw"}
        params.append({**one, "momentum": float(rng.uniform(0.5, 0.99))} if row % 2 else one)
        curve[:] = (1 - abs(np.log10(one["lr"]) + 2)) * (1 - 0.8 ** np.arange(1, epochs + 1))
        curve[1:] = np.nan if row % 10 == 9 else curve[1:]
    return Table("made", KINDS, params, curves)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: getattr(one, "__name__", str(one)))
def test_every_policy_keeps_to_the_budget_and_repeats_itself(policy: Any) -> None:
    made = table()
    first, second = policy(made, 3), policy(made, 3)
    assert first == second
    assert 0 < first[0][0] and first[-1][0] <= FULL_TRAININGS * made.epochs / 4
    assert all(one[0] <= other[0] and one[1] < other[1] for one, other in zip(first, first[1:], strict=False))
    assert first[-1][1] <= made.best


def test_no_row_is_given_twice_and_the_nearest_one_comes_first() -> None:
    made = table()
    used: set[int] = set()
    for _ in range(len(made.params)):
        row = made.nearest_unused(made.params[7], used)
        assert row not in used and (used or row == 7)
        used.add(row)


def test_a_branch_that_is_not_taken_is_not_asked_for() -> None:
    made = table()
    assert made.has("momentum", {"lr": 0.01, "optimizer": "sgd"})
    assert not made.has("momentum", {"lr": 0.01, "optimizer": "adamw"})
    space = Projection(made)
    trials = [DrawnTrial(np.random.default_rng(seed)) for seed in range(20)]
    for trial in trials:
        space(trial)
    assert {("momentum" in one.params, one.params["optimizer"]) for one in trials} == {(True, "sgd"), (False, "adamw")}


def test_a_candidate_takes_no_row() -> None:
    space = Projection(table())
    space(DrawnTrial(np.random.default_rng(0)))
    assert space.row == -1


@pytest.mark.parametrize("seed", range(3))
def test_made_tables_repeat_themselves_and_hold_scores(seed: int) -> None:
    made, again = made_table(seed, 80), made_table(seed, 80)
    np.testing.assert_array_equal(made.curves, again.curves)
    assert made.params == again.params and made.space.keys() >= {"lr", "optimizer", "momentum"}
    finite = made.curves[np.isfinite(made.curves)]
    assert 0 <= finite.min() < made.median < made.best <= 1
    assert all(("momentum" in row) == (row["optimizer"] == "sgd") for row in made.params)


def test_a_search_scores_by_the_time_to_the_targets_its_misses_and_its_regret() -> None:
    made = table()
    half = (made.best + made.median) / 2
    found = score(made, [[(1.0, made.median), (4.0, half)]], [(8.0, half), (2.0, made.best), (6.0, made.median)])
    assert (found.speed_up, found.never) == (2.0, pytest.approx(1 / 3))
    assert found.regrets == (pytest.approx(50.0),)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with a finished, a stopped and a failed trial, and one without a report."""
    journal = Journal(tmp_path / "journal.jsonl")
    texts = {name: distribution_to_json(kind) for name, kind in KINDS.items()}
    for lr, values, status in ((0.01, [0.1, 0.5, 0.4], "finished"), (0.02, [0.2], "stopped"), (0.05, [0.1], "failed")):
        key = journal.add_trial({"lr": lr, "optimizer": "adamw"}, {n: texts[n] for n in ("lr", "optimizer")}, {}).key
        for epoch, value in enumerate(values, 1):
            journal.add_epoch(key, epoch, {"val_miou": value, "epoch": epoch})
        journal.end_trial(key, status)
    journal.add_trial({"lr": 0.1, "optimizer": "adamw"}, {}, {})
    journal.close()
    return tmp_path


def test_a_finished_search_becomes_a_table(run: Path) -> None:
    assert write_curve_table(run, run / "table.json") == 3
    made = read_table(run / "table.json")
    assert (made.params[0], set(made.space)) == ({"lr": 0.01, "optimizer": "adamw"}, {"lr", "optimizer"})
    nan = np.nan
    np.testing.assert_array_equal(made.curves, [[0.1, 0.5, 0.4], [0.2, 0.2, 0.2], [0.1, nan, nan]])
    assert (made.best, made.median, made.length(2)) == (0.5, 0.35, 2)


def test_a_folder_without_a_search_makes_no_table(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no search here"):
        write_curve_table(tmp_path, tmp_path / "table.json")


def test_a_search_without_the_objective_makes_no_table(run: Path) -> None:
    with pytest.raises(BadInput, match="no trial reported `val_miou_low`"):
        write_curve_table(run, run / "table.json", objective="val_miou_low")


def test_a_table_of_another_schema_is_refused(run: Path) -> None:
    (run / "table.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(SystemExit, match="unknown schema"):
        read_table(run / "table.json")
