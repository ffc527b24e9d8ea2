"""SearchSettings refuses what no search could use, before any work, and knows the defaults."""

import math
from pathlib import Path
from typing import Any

import pytest

from experiments.settings import SearchSettings
from trashseg_core.errors import BadInput


def make(**replaced: Any) -> SearchSettings:
    return SearchSettings(**{"data": "data", "space": "quick", "name": "first", **replaced})


@pytest.mark.parametrize("epochs", range(2, 200))
def test_by_default_no_trial_is_stopped_after_one_epoch(epochs: int) -> None:
    assert 1 < make(epochs=epochs).first_rung <= epochs


@pytest.mark.parametrize(("epochs", "rung"), [(1, 1), (2, 2), (9, 3), (27, 3), (30, 3), (90, 3), (135, 5), (270, 10)])
def test_the_first_rung_is_a_27th_of_the_epochs_and_at_least_three(epochs: int, rung: int) -> None:
    assert make(epochs=epochs).first_rung == rung


def test_a_grace_period_that_is_asked_for_is_taken() -> None:
    assert make(epochs=30, grace_period=1).first_rung == 1


@pytest.mark.reliability("command-line")
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "`--name` is '', but must be letters"),
        ("name", "../first", "`--name` is '../first', but must be letters"),
        ("name", "..", r"`--name` is '\.\.', but must be letters"),
        ("name", "a b", "`--name` is 'a b', but must be letters"),
        ("name", "first\n", "`--name` is .*, but must be letters"),
        ("trials", 0, "`--trials` is 0, but must be 1 or more"),
        ("epochs", 0, "`--epochs` is 0, but must be 1 or more"),
        ("top_k", 0, "`--top-k` is 0, but must be 1 or more"),
        ("concurrent", 0, "`--concurrent` is 0, but must be 1 or more"),
        ("grace_period", 0, "`--grace-period` is 0, but must be 1 or more"),
        ("grace_period", 31, "`--grace-period` is 31, above the 30 epochs"),
        ("cpus_per_trial", 0.0, "`--cpus-per-trial` is 0.0, but must be above 0"),
        ("disk_gb", 0.0, "`--disk-gb` is 0.0, but must be above 0"),
        ("keep", 4, "`--keep` is 4, but must be 5 or more: the ensemble chooses from `--top-k 5`"),
        ("time_budget", -1.0, "`--time-budget` is -1.0, but must be above 0"),
        ("time_budget", math.nan, "`--time-budget` is nan, but must be above 0"),
        ("gpus_per_trial", -0.5, "`--gpus-per-trial` is -0.5, but must be 0 or more"),
        ("gpus_per_trial", math.nan, "`--gpus-per-trial` is nan, but must be 0 or more"),
        ("reduction_factor", 1.0, "`--reduction-factor` is 1.0, but must be above 1"),
        ("max_memory_mb", 0.0, "`--max-memory-mb` is 0.0, but must be above 0"),
        ("max_parameters_m", -1.0, "`--max-parameters-m` is -1.0, but must be above 0"),
        ("max_seconds_per_image", math.nan, "`--max-seconds-per-image` is nan, but must be above 0"),
        ("seed", -1, "`--seed` is -1, but must be between 0 and"),
        ("seed", 2**32, "`--seed` is 4294967296, but must be between 0 and"),
        ("set", ("epochs=3",), "`--set epochs=…` contradicts `--epochs`"),
        ("set", ("weight_decey=3",), "Unknown hyperparameter `weight_decey`. Did you mean `weight_decay`?"),
        ("set", ("lr",), "`--set lr` has no `=`"),
        ("set", ("lr=fast",), "The value of `lr` is 'fast', but must be a number"),
        (
            "tracking_uri",
            "file:///data/mlruns",
            "`--tracking-uri` is 'file:///data/mlruns', but MLflow needs a database",
        ),
        ("tracking_uri", "./mlruns", "`--tracking-uri` is './mlruns', but MLflow needs a database or server"),
    ],
)
def test_a_setting_that_no_search_could_use_is_refused(field: str, value: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make(**{field: value})


@pytest.mark.reliability("command-line")
@pytest.mark.parametrize(
    ("option", "message"),
    [({"sampler": "cmaes"}, "`--sampler cmaes` knows one objective only"), ({"scheduler": "asha"}, "Take promotion")],
)
def test_what_knows_one_objective_is_refused_with_two(option: dict[str, str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make(second_objective="parameters_m", **option)
    make(**option)


def test_pins_hold_the_epochs_the_seed_and_every_set() -> None:
    pins = make(epochs=9, seed=4, set=("image_size=64", "lr=1e-2", "channels_last=false")).pins
    assert pins == {"seed": 4, "epochs": 9, "image_size": 64, "lr": 0.01, "channels_last": False}


def test_a_pinned_seed_of_the_trials_outranks_that_of_the_sampler() -> None:
    assert make(seed=4, set=("seed=5",)).pins["seed"] == 5


def test_the_run_folder_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert make(out="here").folder == tmp_path / "here" / "first"


def test_the_data_folder_is_absolute_and_carries_every_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = {"train_file": "a.json", "val_file": "b.json", "test_file": "c.json", "background_category": "Floor"}
    folder = make(**chosen, skip_bad=True, follow_links=True).data_folder
    assert folder.path == str(tmp_path / "data")
    assert {name: getattr(folder, name) for name in chosen} == chosen
    assert (folder.skip_bad, folder.follow_links) == (True, True)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (None, "sqlite:///{here}/runs/mlflow.db"),
        ("sqlite:///my.db", "sqlite:///{here}/my.db"),
        ("sqlite:////srv/my.db", "sqlite:////srv/my.db"),
        ("http://tracking:5000", "http://tracking:5000"),
        ("postgresql://me:secret@db/mlflow", "postgresql://me:secret@db/mlflow"),
    ],
)
def test_a_sqlite_store_is_absolute_and_others_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uri: str | None, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert make(tracking_uri=uri).tracking == expected.format(here=tmp_path)


def test_a_search_means_the_same_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "started").mkdir()
    (tmp_path / "resumed").mkdir()
    monkeypatch.chdir(tmp_path / "started")
    relative = SearchSettings(
        "photos", "mine.py", "first", out="runs", storage="ray", tracking_uri="sqlite:///runs/store.db"
    )
    kept = relative.anchored
    monkeypatch.chdir(tmp_path / "resumed")
    started = tmp_path / "started"
    assert kept.data_folder.path == str(started / "photos") and kept.space == str(started / "mine.py")
    assert kept.folder == started / "runs" / "first" and kept.storage == str(started / "ray")
    assert kept.tracking == f"sqlite:///{started / 'runs' / 'store.db'}"


def test_names_of_spaces_and_addresses_of_stores_are_no_paths() -> None:
    settings = SearchSettings("d", "quick", "n", storage="s3://bucket/ray", tracking_uri="http://server:5000").anchored
    assert (settings.space, settings.storage, settings.tracking) == ("quick", "s3://bucket/ray", "http://server:5000")
    assert SearchSettings("d", "quick", "n").anchored.tracking_uri is None
