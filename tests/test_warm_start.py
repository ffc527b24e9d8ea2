"""Trials of earlier searches enter the study where data and fields allow it, and are kept with the search."""

import json
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from experiments.journal import Journal
from experiments.limits import Limits
from experiments.manifest import Manifest
from experiments.points.warm_start import FILE, WarmStart, collect, read_warm_start
from experiments.searcher import OptunaSearcher
from experiments.settings import SearchSettings
from trashseg_core import __version__
from trashseg_core.errors import BadInput

DATA = {"train": "abc", "val": "def"}
NO_LIMITS = Limits()
PINS = {"seed": 5, "epochs": 4, "image_size": 64}


def space(trial: Any) -> None:
    """Two numbers."""
    trial.suggest_float("lr", 1e-4, 1e-2, log=True)
    trial.suggest_int("batch_size", 4, 32)


def earlier(folder: Path, data: dict[str, str] = DATA, version: str = __version__, epochs: int = 4) -> Path:
    """A run folder of five trials: finished, stopped, failed, cut off in its first epoch, outside of the new space."""
    folder.mkdir(parents=True)
    settings = SearchSettings("data", "quick", folder.name, out=str(folder.parent))
    Manifest(settings, version, {}, data).write(folder)
    journal = Journal(folder / "journal.jsonl")
    for lr in (1e-3, 2e-3, 3e-3, 4e-3, 0.5):
        journal.add_trial({"lr": lr}, {"lr": "{}"}, {"lr": lr, "seed": 0, "epochs": epochs, "image_size": 64})
    for key, scores in {"t0000": [0.1, 0.4], "t0001": [0.2], "t0004": [0.3]}.items():
        for epoch, score in enumerate(scores, 1):
            journal.add_epoch(key, epoch, {"val_miou": score, "val_loss": 1.0, "peak_memory_mb": 500.0})
    journal.end_trial("t0000", "finished")
    journal.end_trial("t0001", "stopped")
    journal.end_trial("t0002", "failed", "diverged")
    journal.close()
    return folder


def gather(*folders: Path, pins: dict[str, Any] = PINS, limits: Limits = NO_LIMITS) -> WarmStart:
    return collect(tuple(map(str, folders)), space, pins, DATA, ("val_miou",), limits)


def test_finished_stopped_and_failed_trials_of_the_space_enter(tmp_path: Path) -> None:
    warm = gather(earlier(tmp_path / "first"))
    assert [(one.key, one.status, one.params["lr"]) for one in warm.trials] == [
        ("first/t0000", "finished", 1e-3),
        ("first/t0001", "stopped", 2e-3),
        ("first/t0002", "failed", 3e-3),
    ]
    assert warm.trials[0].epochs == {1: {"val_miou": 0.1}, 2: {"val_miou": 0.4}}
    assert warm.trials[0].params["batch_size"] == 16, "the default, which it was trained with"


def test_what_is_left_out_is_said_with_its_reason(tmp_path: Path) -> None:
    warm = gather(earlier(tmp_path / "first"))
    assert warm.left_out["first/t0003"] == "it reported no val_miou"
    assert "`lr` is 0.5, but the space allows" in warm.left_out["first/t0004"]
    told = "\n".join(warm.sentences())
    assert "3 earlier trials enter the study" in told and "left out first/t0003 (1): it reported no val_miou" in told


def test_a_field_that_was_another_one_there_keeps_a_trial_out(tmp_path: Path) -> None:
    warm = gather(earlier(tmp_path / "first"), pins={**PINS, "image_size": 128})
    assert not warm.trials
    assert warm.left_out["first/t0000"] == "`image_size` is 64, but always 128 here"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"data": {**DATA, "val": "other"}}, "its val data are not the same"),
        ({"version": "0.0.9"}, "it was made by version 0.0.9"),
    ],
)
def test_a_search_on_other_data_or_by_other_code_is_left_out_whole(
    tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    warm = gather(earlier(tmp_path / "first", **options))
    assert not warm.trials and reason in warm.left_out["first"]


def test_a_folder_without_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no search here"):
        gather(tmp_path)


def test_two_searches_of_one_name_keep_their_trials_apart(tmp_path: Path) -> None:
    warm = gather(earlier(tmp_path / "a" / "first"), earlier(tmp_path / "b" / "first"), tmp_path / "a" / "first")
    keys = [one.key for one in warm.trials]
    assert len(keys) == len(set(keys)) == 6


def test_the_copy_reads_back_as_it_was_gathered(tmp_path: Path) -> None:
    warm = gather(earlier(tmp_path / "first"))
    warm.write(tmp_path)
    assert read_warm_start(tmp_path) == warm.trials


@pytest.mark.parametrize("content", ["[]", '{"schema": 1}', '{"schema": 1, "trials": [{"bogus": 1}]}', "{", ""])
def test_a_damaged_copy_is_refused_not_ignored(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(BadInput, match=FILE):
        read_warm_start(tmp_path)


def searcher(folder: Path, warm: WarmStart, **options: Any) -> OptunaSearcher:
    defaults = {"pins": PINS, "warm": warm.trials}
    return OptunaSearcher(space, Journal(folder / "journal.jsonl"), "val_miou", 9, 3, **{**defaults, **options})


def test_the_study_knows_them_in_the_states_they_had_and_counts_none_as_its_own(tmp_path: Path) -> None:
    one = searcher(tmp_path, gather(earlier(tmp_path / "first")))
    told = one.study.get_trials()
    assert [trial.state for trial in told] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
    assert (told[0].value, told[1].intermediate_values) == (0.4, {1: 0.2})
    config = one.suggest("a")
    assert isinstance(config, dict) and config["trial_key"] == "t0000"
    assert list(Journal(tmp_path / "journal.jsonl").trials) == ["t0000"]


def test_what_they_reached_changes_what_is_proposed_and_a_resume_proposes_the_same(tmp_path: Path) -> None:
    many = WarmStart(gather(earlier(tmp_path / "first")).trials * 5)
    for number, record in enumerate(many.trials):
        many.trials[number] = type(record)(**{**vars(record), "key": f"first/{number}"})
    proposed = {}
    for name, known in (("with", many), ("again", many), ("without", WarmStart())):
        (tmp_path / name).mkdir()
        config = searcher(tmp_path / name, known).suggest("a")
        assert isinstance(config, dict)
        proposed[name] = config["lr"]
    assert proposed["with"] == proposed["again"] != proposed["without"]


def test_trials_of_another_length_are_ranked_among_themselves(tmp_path: Path) -> None:
    long, short = gather(earlier(tmp_path / "long")).trials, gather(earlier(tmp_path / "short", epochs=2)).trials
    short[0].epochs = {1: {"val_miou": 0.9}, 2: {"val_miou": 0.95}}
    one = searcher(tmp_path, WarmStart([*long, *short]))
    alone = searcher(tmp_path, WarmStart(long))
    assert {key: value for key, value in one._standings().items() if key.startswith("long")} == alone._standings()
    assert one._standings()["short/t0000"] == 1.0


def test_limits_of_the_new_search_are_told_of_them_too(tmp_path: Path) -> None:
    limits = Limits(max_memory_mb=400)
    warm = gather(earlier(tmp_path / "first"), limits=limits)
    told = searcher(tmp_path, warm, limits=limits).study.get_trials()
    assert told[0].constraints == {"peak_memory_mb": pytest.approx(0.25)}


def test_the_manifest_keeps_what_the_flags_named(tmp_path: Path) -> None:
    from experiments.manifest import read_manifest

    settings = SearchSettings("d", "quick", "x", out=str(tmp_path), warm_start=("runs/a",), enqueue=("p.json",))
    settings.folder.mkdir()
    Manifest(settings, __version__, {}, DATA, [{"lr": 1e-3}]).write(settings.folder)
    again = read_manifest(settings.folder)
    assert (again.settings, again.points) == (settings, [{"lr": 1e-3}])
    assert json.loads((settings.folder / "manifest.json").read_text())["points"] == [{"lr": 1e-3}]
