"""A second round trains the best configurations with and without pseudo-labels, and judges both alike."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import run_search
from experiments.journal import Journal
from experiments.manifest import Manifest
from experiments.points import sources as sources_file
from experiments.points.sources import DIMENSION, SourceSpace, open_space, read_sources
from experiments.points.space_check import check_space, default_point
from experiments.preflight import refuse_taken_name, reopen
from experiments.pseudo import second_round as module
from experiments.pseudo.second_round import FIRST_RATIO, Asked, choose_sources, second_round, second_settings
from experiments.results import TrialResult, write_results
from experiments.searcher import OptunaSearcher
from experiments.settings import SearchSettings
from experiments.showing.plain_lines import PlainLines
from search_spaces import load
from tests.test_verdict import with_ensemble
from tests.tiny import tiny_config, write_folder
from trashseg_core import __version__
from trashseg_core.errors import BadInput

ASKED = Asked(Path("new"), 10, 0.9, 2, None)


def trial(name: str, reached: float, **config: Any) -> TrialResult:
    values = {**tiny_config(epochs=7, **config).to_dict(), "seed": 3}
    return TrialResult(name, "finished", reached, 0.4, 2, 7, values, "x", 1.0, None)


@pytest.fixture
def settings(tmp_path: Path) -> SearchSettings:
    """A search of three trials; t0002 is the best, t0000 the next."""
    settings = SearchSettings("d", "quick", "run", str(tmp_path), epochs=7, seed=3, set=("augment=none",))
    settings.folder.mkdir()
    rows = [trial("t0002", 0.6, lr=0.0123), trial("t0000", 0.5, augmix_ratio=0.5), trial("t0001", 0.4)]
    write_results(settings.folder / "results.json", rows)
    return settings


def second_space(settings: SearchSettings) -> SourceSpace:
    return SourceSpace(load("pseudo"), choose_sources(settings, 2).configs)


def test_the_best_configurations_are_each_tried_without_and_with_pseudo_labels(settings: SearchSettings) -> None:
    chosen = choose_sources(settings, 2)
    assert list(chosen.configs) == ["t0002", "t0000"]
    tried = [default_point(second_space(settings)), *chosen.points]
    assert tried == [
        {DIMENSION: name, "pseudo_ratio": ratio} for name in ("t0002", "t0000") for ratio in (0.0, FIRST_RATIO)
    ]


def test_a_point_stands_for_its_source_s_configuration(settings: SearchSettings) -> None:
    pins = second_settings(settings, ASKED).pins
    (plain, *_) = check_space(second_space(settings), pins)
    first = {**trial("t0002", 0.6, lr=0.0123).config, "seed": 4}
    assert plain.to_dict() == first


def test_the_second_search_runs_every_trial_to_its_end_with_another_seed(settings: SearchSettings) -> None:
    second = second_settings(settings, ASKED)
    assert (second.folder.name, second.trials, second.space) == ("run-pseudo", 6, "pseudo")
    assert (second.first_rung, second.pins) == (second.epochs, {"seed": 4, "epochs": 7})
    assert second.data_folder.pseudo_dir == str(settings.folder / "pseudo")


def test_limits_hold_in_the_second_search_too(settings: SearchSettings) -> None:
    limited = replace(settings, disk_gb=2.0, max_memory_mb=900.0, max_parameters_m=5.0, max_seconds_per_image=0.5)
    second = second_settings(limited, ASKED)
    assert (second.limits, second.disk_bytes) == (limited.limits, limited.disk_bytes)


def test_a_search_with_folds_is_followed_by_one_that_val_judges(settings: SearchSettings) -> None:
    assert second_settings(replace(settings, folds=4), ASKED).folds is None


def test_the_sampler_proposes_a_source_and_a_ratio_and_the_journal_holds_the_whole_configuration(
    settings: SearchSettings, tmp_path: Path
) -> None:
    chosen, journal = choose_sources(settings, 2), Journal(tmp_path / "journal.jsonl")
    space, pins = second_space(settings), {"seed": 4, "epochs": 7}
    searcher = OptunaSearcher(
        space, journal, "val_miou", 8, 9, pins=pins, first_point=default_point(space, pins), points=chosen.points
    )
    for number in range(8):
        searcher.suggest(str(number))
    params = [record.params for record in journal.trials.values()]
    assert params[1:4] == chosen.points
    assert {one[DIMENSION] for one in params[4:]} <= set(chosen.configs)
    assert all(0 < one["pseudo_ratio"] <= 0.6 for one in params[4:])
    for record in journal.trials.values():
        expected = {**chosen.configs[record.params[DIMENSION]], **pins}
        assert record.config == {**expected, "pseudo_ratio": record.params["pseudo_ratio"]}


def test_sources_are_read_back_as_written_and_damage_is_bad_input(settings: SearchSettings) -> None:
    chosen, path = choose_sources(settings, 2), settings.folder / sources_file.FILE
    assert read_sources(settings.folder) is None
    chosen.write(settings.folder)
    assert read_sources(settings.folder) == chosen
    assert isinstance(open_space(settings), SourceSpace)
    document = json.loads(path.read_text())
    document["configs"]["t0000"]["lr"] = "fast"
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput, match="lr"):
        read_sources(settings.folder)
    path.write_text(json.dumps({"schema": 1, "search": "x"}))
    with pytest.raises(BadInput, match="damaged"):
        read_sources(settings.folder)


def test_sources_of_a_search_that_saved_nothing_do_not_enter_the_next_one(settings: SearchSettings) -> None:
    choose_sources(settings, 2).write(settings.folder)
    refuse_taken_name(settings.folder)
    assert read_sources(settings.folder) is None


def test_more_trials_may_be_asked_for_later_but_no_fewer_configurations(
    settings: SearchSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = second_settings(settings, ASKED)
    second.folder.mkdir()
    choose_sources(settings, 2).write(second.folder)
    manifest = Manifest(second, __version__, {}, {})
    monkeypatch.setattr(module, "reopen", lambda folder: manifest)
    assert module._reopened(second, replace(ASKED, trials=9)).settings.trials == 9
    assert module._reopened(second, replace(ASKED, trials=3)).settings.trials == 9
    with pytest.raises(BadInput, match="begun with 2 configurations, not with `--top-k 1`"):
        module._reopened(second, replace(ASKED, top_k=1))


def test_a_search_that_wanted_full_trials_can_have_a_second_round(settings: SearchSettings) -> None:
    assert second_settings(replace(settings, full_trials=5), ASKED).scheduler == "asha"


@pytest.mark.parametrize("flag", ["--count", "--top-k", "--trials"])
def test_numbers_below_one_are_refused(flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_search.main(["pseudo", str(tmp_path), "--images", "x", flag, "0"]) == 2
    assert f"The value of `{flag}` is 0, but must be 1 or more" in capsys.readouterr().err


def test_a_second_round_labels_searches_and_judges_and_goes_on_with_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_folder(tmp_path / "data", {"train": [(64, 64)] * 4, "val": [(64, 64)] * 4, "test": [(64, 48)] * 3})
    settings = SearchSettings(str(root), "quick", "run", str(tmp_path), epochs=7, seed=3)
    settings.folder.mkdir()
    write_results(settings.folder / "results.json", [trial("t0002", 0.6), trial("t0000", 0.5)])
    with_ensemble(settings.folder, 0.6, 7, ["val/0.png", "val/1.png", "val/2.png", "val/3.png"])
    runs: list[Manifest] = []

    def run_all(manifest: Manifest, *_: Any) -> None:
        """In place of trainings: one epoch of the first trial, and an ensemble."""
        runs.append(manifest)
        folder = manifest.settings.folder
        journal = Journal(folder / "journal.jsonl")
        if not journal.trials:
            journal.add_trial({}, {}, {})
            journal.add_epoch("t0000", 1, {"val_miou": 0.5})
        journal.close()
        write_results(folder / "results.json", [])
        with_ensemble(folder, 0.7, 8, ["val/0.png", "val/1.png", "val/2.png", "val/3.png"])

    monkeypatch.setattr("experiments.stages.run_all", run_all)
    first = Manifest(settings, __version__, {}, {})
    monkeypatch.setattr(module, "reopen", lambda run: first if run == settings.folder else reopen(run))
    monkeypatch.setattr(module, "try_to_bring", lambda *_: None)
    asked = replace(ASKED, images=root / "test.json", precision=0.002)
    for _ in range(2):
        second_round(settings.folder, asked, PlainLines(sys.stdout))
    said = capsys.readouterr().out
    assert said.count("photos chosen") == 1 and said.count("Pseudo-labels are not accepted") == 2
    assert [len(one.points) for one in runs] == [3, 3] and runs[1].data.keys() == {"train", "val", "pseudo"}
    assert json.loads((tmp_path / "run-pseudo" / "verdict.json").read_text())["trials"] is None
