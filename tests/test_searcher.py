"""The searcher proposes from the journal and tells Optuna the truth about every trial."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState

from experiments.journal import Journal
from experiments.points.space_check import default_point
from experiments.searcher import OptunaSearcher
from search_spaces import load, names

EPOCHS = 4


def space(trial: Any) -> None:
    """Two numbers and a condition."""
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    trial.suggest_int("batch_size", 2, 32)
    if trial.suggest_categorical("optimizer", ["adamw", "sgd"]) == "sgd":
        trial.suggest_float("momentum", 0.5, 0.99)


def make(journal: Journal, **options: Any) -> OptunaSearcher:
    defaults = {"num_trials": 20, "max_concurrent": 3, "first_point": default_point(space), "pins": {"seed": 7}}
    return OptunaSearcher(space, journal, "val_miou", **{**defaults, **options})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def end(searcher: OptunaSearcher, journal: Journal, ray_id: str, key: str, scores: list[float]) -> None:
    """Report the scores of a trial's epochs, and complete it."""
    for epoch, score in enumerate(scores, 1):
        journal.add_epoch(key, epoch, {"val_miou": score})
    searcher.on_trial_complete(ray_id)


def told(searcher: OptunaSearcher, number: int = 0) -> FrozenTrial:
    return searcher.study.get_trials()[number]


def test_the_first_trial_is_the_default_point(journal: Journal) -> None:
    config = make(journal).suggest("a")
    assert config == {**default_point(space), "seed": 7, "trial_key": "t0000"}


def test_each_trial_is_another_point(journal: Journal) -> None:
    searcher = make(journal, max_concurrent=9)
    assert len({searcher.suggest(f"r{number}")["lr"] for number in range(8)}) == 8


@pytest.mark.parametrize("seed", [42_950, 2**32 - 1])
def test_every_seed_that_the_settings_allow_can_be_searched_with(journal: Journal, seed: int) -> None:
    searcher = make(journal, seed=seed)
    assert searcher.suggest("a")["trial_key"] == "t0000"


def test_what_is_proposed_is_in_the_journal_before_it_is_returned(journal: Journal) -> None:
    config = make(journal).suggest("a")
    record = Journal(journal.path).trials["t0000"]
    assert {**record.config, "trial_key": "t0000"} == config
    assert record.params == default_point(space)


def test_pins_are_in_every_config_and_are_never_suggested(journal: Journal) -> None:
    searcher = make(
        journal, pins={"lr": 0.5, "seed": 3}, first_point=default_point(space, {"lr": 0.5}), max_concurrent=9
    )
    configs = [searcher.suggest(f"r{number}") for number in range(8)]
    assert {(config["lr"], config["seed"]) for config in configs} == {(0.5, 3)}
    assert not [record for record in journal.trials.values() if {"lr", "seed"} & record.params.keys()]


def test_a_stopped_trial_is_pruned_with_intermediate_values_and_no_final_one(journal: Journal) -> None:
    cut: set[str] = set()
    searcher = make(journal, cut=cut)
    searcher.suggest("a")
    cut.add("a")
    end(searcher, journal, "a", "t0000", [0.2, 0.3])
    trial = told(searcher)
    assert (trial.state, trial.values, trial.intermediate_values) == (TrialState.PRUNED, None, {1: 0.2, 2: 0.3})
    assert journal.trials["t0000"].status == "stopped"


def test_a_pruned_trial_is_not_given_a_value_of_its_own(journal: Journal) -> None:
    searcher = make(journal, cut={"a"})
    searcher.suggest("a")
    searcher.on_trial_complete("a")
    assert (told(searcher).state, told(searcher).values) == (TrialState.PRUNED, None)


def test_a_failed_trial_is_told_as_failed(journal: Journal) -> None:
    searcher = make(journal)
    searcher.suggest("a")
    journal.end_trial("t0000", "failed", "out of memory")
    searcher.on_trial_complete("a")
    assert told(searcher).state == TrialState.FAIL
    assert journal.trials["t0000"].error == "out of memory"


def test_a_trial_whose_process_died_is_told_as_failed(journal: Journal) -> None:
    searcher = make(journal)
    searcher.suggest("a")
    journal.add_epoch("t0000", 1, {"val_miou": 0.9})
    searcher.on_trial_complete("a", error=True)
    assert (told(searcher).state, journal.trials["t0000"].status) == (TrialState.FAIL, "failed")


def test_a_full_trial_is_complete_with_its_best_value_not_its_last(journal: Journal) -> None:
    searcher = make(journal)
    searcher.suggest("a")
    end(searcher, journal, "a", "t0000", [0.2, 0.6, 0.5])
    trial = told(searcher)
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.6)
    assert trial.intermediate_values == {1: 0.2, 2: 0.6, 3: 0.5}


def test_a_trial_that_ended_without_a_report_is_never_complete(journal: Journal) -> None:
    searcher = make(journal)
    searcher.suggest("a")
    searcher.on_trial_complete("a")
    assert told(searcher).state == TrialState.PRUNED


def test_a_trial_of_somebody_else_is_ignored(journal: Journal) -> None:
    searcher = make(journal, first_point=None)
    searcher.on_trial_complete("unknown")
    assert searcher.study.get_trials() == []


def test_no_more_trials_run_than_may(journal: Journal) -> None:
    searcher = make(journal, max_concurrent=2)
    assert [searcher.suggest(name) is None for name in "abc"] == [False, False, True]
    end(searcher, journal, "a", "t0000", [0.5])
    assert searcher.suggest("d")["trial_key"] == "t0002"


def test_the_search_is_finished_when_all_trials_were_proposed(journal: Journal) -> None:
    searcher = make(journal, num_trials=2)
    for name in "ab":
        searcher.suggest(name)
    assert searcher.suggest("c") == searcher.FINISHED
    assert len(journal.trials) == 2


def test_trials_of_the_journal_count(journal: Journal) -> None:
    searcher = make(journal, num_trials=2)
    for name, key in (("a", "t0000"), ("b", "t0001")):
        searcher.suggest(name)
        end(searcher, journal, name, key, [0.5])
    assert make(journal, num_trials=2).suggest("c") == searcher.FINISHED


def score(config: dict[str, Any], epoch: int) -> float:
    return 0.1 * epoch - abs(config["lr"] - 0.01) - config["batch_size"] / 100


class Loop:
    """Plays Ray: keeps the slots full, lets the oldest trial end with a different outcome each."""

    def __init__(self, path: Path) -> None:
        self.journal, self.cut = Journal(path), set[str]()
        self.searcher = make(self.journal, cut=self.cut)
        self.running: list[tuple[str, dict[str, Any]]] = []

    def fill(self) -> None:
        """Start trials until the searcher gives no more; each reports its first epoch."""
        while isinstance(
            config := self.searcher.suggest(name := f"r{len(self.journal.trials)}-{len(self.running)}"), dict
        ):
            self.running.append((name, config))
            self.journal.add_epoch(config["trial_key"], 1, {"val_miou": score(config, 1)})

    def finish_oldest(self) -> None:
        name, config = self.running.pop(0)
        key = config["trial_key"]
        match int(key[1:]) % 4:
            case 1:
                self.cut.add(name)
                last = 2
            case 2:
                self.journal.end_trial(key, "failed", "diverged")
                last = 1
            case _:
                last = EPOCHS
        end(self.searcher, self.journal, name, key, [score(config, epoch) for epoch in range(1, last + 1)])


@pytest.mark.parametrize("ended", [3, 9, 14])
def test_a_searcher_over_the_same_journal_goes_on_as_the_uninterrupted_one(tmp_path: Path, ended: int) -> None:
    first = Loop(tmp_path / "journal.jsonl")
    for _ in range(ended):
        first.fill()
        first.finish_oldest()
    shutil.copy(tmp_path / "journal.jsonl", tmp_path / "copy.jsonl")
    open_keys = [config["trial_key"] for _, config in first.running]
    second = Loop(tmp_path / "copy.jsonl")
    returned = [second.searcher.suggest(f"again{number}") for number in range(3)]
    assert [config["trial_key"] for config in returned[:2]] == open_keys
    assert returned[2] == first.searcher.suggest("next")


def test_open_trials_come_back_first_with_their_own_key_and_config(journal: Journal) -> None:
    searcher = make(journal)
    before = [searcher.suggest(name) for name in "abc"]
    end(searcher, journal, "b", "t0001", [0.5])
    again = make(journal)
    assert [again.suggest(name) for name in "xy"] == [before[0], before[2]]
    assert again.suggest("z")["trial_key"] == "t0003"


def test_a_reopened_study_holds_what_the_first_one_was_told(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "journal.jsonl")
    for _ in range(6):
        loop.fill()
        loop.finish_oldest()
    again = make(Journal(tmp_path / "journal.jsonl"))
    for before, after in zip(loop.searcher.study.get_trials()[:6], again.study.get_trials()[:6], strict=True):
        assert (after.state, after.params, after.distributions) == (before.state, before.params, before.distributions)
        assert (after.intermediate_values, after.values) == (before.intermediate_values, before.values)


def test_another_seed_proposes_other_trials(tmp_path: Path) -> None:
    proposed = []
    for seed in (0, 1):
        searcher = make(Journal(tmp_path / f"{seed}.jsonl"), seed=seed, first_point=None)
        proposed.append(searcher.suggest("a")["lr"])
    assert proposed[0] != proposed[1]


@pytest.mark.parametrize("name", names())
def test_every_space_of_the_project_can_be_proposed_from_and_reopened(journal: Journal, name: str) -> None:
    project_space = load(name)
    point = default_point(project_space)
    searcher = OptunaSearcher(project_space, journal, "val_miou", 30, 1, first_point=point)
    for number in range(30):
        config = searcher.suggest(str(number))
        end(searcher, journal, str(number), config["trial_key"], [number / 100])
    again = OptunaSearcher(project_space, journal, "val_miou", 31, 1)
    assert again.suggest("next")["trial_key"] == "t0030"
