"""Samplers by name, and what they see of a search: standings instead of states."""

import importlib.util
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from experiments.journal import Journal
from experiments.policy.samplers import SamplerView, build_sampler
from experiments.searcher import OptunaSearcher
from tests.promotion_loop import Loop
from trashseg_core.errors import BadInput

AVAILABLE = [
    name
    for name in ("mixed", "forest", "tpe", "gp", "cmaes", "random", "qmc")
    if name != "cmaes" or importlib.util.find_spec(name)
]


def space(trial: Any) -> None:
    """Two numbers."""
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    trial.suggest_float("momentum", 0.5, 0.99)


def searcher(journal: Journal, sampler: str, seed: int = 0) -> OptunaSearcher:
    return OptunaSearcher(space, journal, "val_miou", 40, 3, seed=seed, sampler=sampler)


def play(journal: Journal, sampler: str, count: int, seed: int = 0) -> list[tuple[Any, ...]]:
    """Propose and finish trials; return their values."""
    one = searcher(journal, sampler, seed)
    for number in range(count):
        config = one.suggest(f"{sampler}-{len(journal.trials)}-{number}")
        assert isinstance(config, dict)
        journal.add_epoch(config["trial_key"], 1, {"val_miou": 1 - abs(config["lr"] - 0.01)})
        one.on_trial_complete(f"{sampler}-{len(journal.trials) - 1}-{number}")
    return [tuple(record.params.values()) for record in journal.trials.values()]


@pytest.mark.parametrize("name", AVAILABLE)
def test_every_sampler_proposes_the_same_after_a_restart(tmp_path: Path, name: str) -> None:
    through = play(Journal(tmp_path / "through"), name, 14)
    play(Journal(tmp_path / "restarted"), name, 9)
    restarted = play(Journal(tmp_path / "restarted"), name, 5)
    assert len(set(through)) == 14
    assert restarted == through


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_the_mixed_sampler_asks_tpe_first_and_later_the_forest_in_turn() -> None:
    kinds = [type(build_sampler("mixed", 0, number, 40, space)).__name__ for number in range(28)]
    assert kinds == ["TPESampler"] * 25 + ["ForestSampler", "TPESampler", "ForestSampler"]


@pytest.mark.skipif("cmaes" not in AVAILABLE, reason="the package is not here")
def test_cma_es_keeps_its_distribution_over_a_restart_after_its_first_generation(tmp_path: Path) -> None:
    through = play(Journal(tmp_path / "through"), "cmaes", 22)
    play(Journal(tmp_path / "restarted"), "cmaes", 19)
    assert play(Journal(tmp_path / "restarted"), "cmaes", 3) == through


def mixed_space(trial: Any) -> None:
    """Choices, numbers on two scales, integers and a condition."""
    trial.suggest_categorical("encoder_name", ["small", "middle", "large"])
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    trial.suggest_int("batch_size", 2, 32)
    if trial.suggest_categorical("optimizer", ["adamw", "sgd"]) == "sgd":
        trial.suggest_float("momentum", 0.5, 0.99)


@pytest.mark.parametrize(
    ("name", "second"),
    [(name, None) for name in AVAILABLE] + [(name, "parameters_m") for name in AVAILABLE if name != "cmaes"],
)
def test_every_sampler_drives_a_search_of_a_mixed_space_to_its_end(
    tmp_path: Path, name: str, second: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    loop = Loop(tmp_path / "journal", trials=9, space=mixed_space, sampler=name, second=second)
    loop.run()
    records = loop.journal.trials.values()
    assert len({tuple(record.params.values()) for record in records}) == len(records) == 9
    assert {record.status for record in records} == {"finished", "stopped"}
    assert "sampled independently" not in capfd.readouterr().err


@pytest.mark.parametrize("name", AVAILABLE)
def test_another_seed_proposes_other_trials(tmp_path: Path, name: str) -> None:
    assert play(Journal(tmp_path / "0"), name, 3, seed=0) != play(Journal(tmp_path / "1"), name, 3, seed=1)


def test_an_unknown_sampler_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match="`--sampler` is 'annealing', but must be one of mixed, tpe, forest, gp, cmaes, random, qmc"
    ):
        searcher(Journal(tmp_path / "journal"), "annealing")


@pytest.mark.skipif("cmaes" in AVAILABLE, reason="the package is here")
def test_a_sampler_whose_package_is_missing_is_refused_before_any_trial(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="`--sampler cmaes` needs the package cmaes"):
        searcher(Journal(tmp_path / "journal"), "cmaes")


@pytest.fixture
def view() -> SamplerView:
    """A study of four trials: complete, pruned, failed and running."""
    view = SamplerView()
    study = optuna.create_study(direction="maximize", storage=view)
    kind = {"lr": optuna.distributions.FloatDistribution(0, 1)}
    for state, value in (("COMPLETE", 0.9), ("PRUNED", None), ("FAIL", None), ("RUNNING", None)):
        trial = optuna.trial.create_trial(state=TrialState[state], value=value, params={"lr": 0.5}, distributions=kind)
        study.add_trial(trial)
    return view


def shown(view: SamplerView) -> list[tuple[str, float | None]]:
    return [(trial.state.name, trial.value) for trial in view.get_all_trials(0)]


TOLD = [("COMPLETE", 0.9), ("PRUNED", None), ("FAIL", None), ("RUNNING", None)]


def test_without_standings_the_study_is_as_it_was_told(view: SamplerView) -> None:
    assert shown(view) == TOLD


def test_trials_with_a_standing_are_shown_with_it_and_failed_ones_as_the_worst(view: SamplerView) -> None:
    view.standing = {0: 1.0, 1: 0.0, 3: 0.5}
    assert shown(view) == [("COMPLETE", 1.0), ("COMPLETE", 0.0), ("PRUNED", None), ("COMPLETE", 0.5)]
    assert [one.number for one in view.get_all_trials(0, states=(TrialState.PRUNED,))] == [2]


def test_a_view_changes_nothing_of_what_was_told(view: SamplerView) -> None:
    view.standing = {0: 1.0, 1: 0.0, 3: 0.5}
    view.get_all_trials(0)
    view.standing = None
    assert shown(view) == TOLD


def test_a_live_trial_counts_for_the_proposals_from_its_first_rung_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    one = OptunaSearcher(space, journal, "val_miou", 40, 3, first_rung=2)
    one.suggest("a"), one.suggest("b")
    journal.add_epoch("t0000", 1, {"val_miou": 0.9})
    assert one._standings() == {}
    journal.add_epoch("t0000", 2, {"val_miou": 0.9})
    assert one._standings() == {"t0000": 0.0}
