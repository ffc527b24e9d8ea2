"""Limits and a second objective in a search with real Ray, over a function in place of trainings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from experiments.journal import Journal
from experiments.pareto import write_front
from experiments.results import candidates, rank, result_of
from experiments.search import build_tuner
from experiments.searcher import OptunaSearcher
from experiments.settings import SearchSettings

pytestmark = pytest.mark.slow
EPOCHS, TRIALS = 4, 9


def space(trial: Any) -> None:
    """Choices, numbers on two scales, integers and a condition."""
    trial.suggest_categorical("encoder_name", ["small", "middle", "large"])
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    trial.suggest_int("batch_size", 2, 32)
    if trial.suggest_categorical("optimizer", ["adamw", "sgd"]) == "sgd":
        trial.suggest_float("momentum", 0.5, 0.99)


WEIGHTS_M = {"small": 1.0, "middle": 5.0, "large": 25.0}


def table_in(folder: Path) -> Any:
    """A trainable as the project's: larger networks score higher and cost more; it goes on where it was."""

    def table(params: dict[str, Any]) -> None:
        from ray import tune

        weights, state = WEIGHTS_M[params["encoder_name"]], folder / params["trial_key"]
        for epoch in range(int(state.read_text()) if state.exists() else 1, EPOCHS + 1):
            state.write_text(str(epoch))
            score = (0.3 + 0.02 * weights - abs(params["lr"] - 0.01)) * epoch / EPOCHS
            tune.report({"epoch": epoch, "val_miou": score, "val_s_per_image": weights / 100})

    return table


@pytest.fixture(scope="module", autouse=True)
def ray_is_stopped() -> Iterator[None]:
    """Leave no Ray behind."""
    yield
    import ray

    ray.shutdown()


def search(folder: Path, **options: Any) -> tuple[SearchSettings, Journal]:
    settings = SearchSettings(
        **{"data": "none", "space": "quick", "name": "one", "out": str(folder), "trials": TRIALS, "epochs": EPOCHS},
        concurrent=2,
        cpus_per_trial=0.5,
        **options,
    )
    settings.folder.mkdir(parents=True)
    journal = Journal(settings.folder / "journal.jsonl")
    build_tuner(settings, space, table_in(settings.folder), journal=journal).fit()
    journal.close()
    return settings, journal


def test_limits_and_a_second_objective_hold_in_one_search(tmp_path: Path) -> None:
    settings, journal = search(tmp_path, max_seconds_per_image=0.1, second_objective="val_s_per_image")
    large = {key for key, record in journal.trials.items() if record.params["encoder_name"] == "large"}
    assert large and len(large) < TRIALS
    for key in large:
        record = journal.trials[key]
        assert (record.status, list(record.epochs)) == ("failed", [1])
        assert record.error == "infeasible: val_s_per_image is 0.25, above `--max-seconds-per-image 0.1`"
    for record in journal.trials.values():
        (settings.folder / "trials" / record.key / f"epoch_{max(record.epochs):04d}").mkdir(parents=True)
    results = rank([result_of(one, "val_miou", settings.folder) for one in journal.trials.values()], "val_miou")
    assert not large & {one.trial_id for one in candidates(results, TRIALS)}
    assert results[0].trial_id not in large
    front = write_front(settings.folder, results, journal.trials, "val_miou", "val_s_per_image")
    costs, scores = [row["val_s_per_image"] for row in front], [row["val_miou"] for row in front]
    assert costs == sorted(costs) and scores == sorted(scores) and len(front) == 2
    again = OptunaSearcher(
        space,
        Journal(journal.path),
        "val_miou",
        TRIALS,
        2,
        limits=settings.limits,
        second_objective="val_s_per_image",
    )
    for trial in again.study.get_trials():
        assert (trial.constraints["val_s_per_image"] > 0) == (trial.params["encoder_name"] == "large")
        assert trial.state == TrialState.PRUNED or len(trial.values) == 2
