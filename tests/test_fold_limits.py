"""Limits and the disk budget hold for the models of folds and for a second search too."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.checkpoints.disk_budget import bytes_below
from experiments.checkpoints.keeper import with_weights
from experiments.folds.disk_left import disk_left
from experiments.folds.fold_files import FoldFiles
from experiments.folds.fold_search import own_settings
from experiments.folds.training import build_trainable
from experiments.results import read_results
from experiments.search import is_last
from experiments.settings import SearchSettings
from tests.made_folds import SOURCES, make_folds, write_model
from trashseg_core.errors import BadInput

SIZE = 100_000


def test_a_fold_s_model_is_under_the_limits_and_the_disk_budget_of_its_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SearchSettings("d", "quick", "run", str(tmp_path), folds=3, max_memory_mb=900.0, max_parameters_m=5.0)
    own = replace(own_settings(settings, 4), disk_gb=0.5)
    jobs: list[Any] = []
    monkeypatch.setattr("experiments.trainable.run_trial", lambda job, params: jobs.append((job, params)))
    build_trainable(FoldFiles(own.folder, settings.data_folder, 3), own)({"lr": 0.1, "fold": 1, "source": "t0003"})
    ((job, params),) = jobs
    assert (job.limits, job.disk_bytes, params) == (settings.limits, 500_000_000, {"lr": 0.1})
    assert is_last({"epoch": 1, "peak_memory_mb": 901.0, "config": {}}, own.limits)


def test_no_model_of_a_fold_gives_way_to_another(tmp_path: Path) -> None:
    settings = SearchSettings("d", "quick", "run", str(tmp_path), folds=5, top_k=3, disk_gb=1.0)
    own = own_settings(settings, 12)
    assert own.top_k == own.num_kept == 12


@pytest.fixture
def settings(tmp_path: Path) -> SearchSettings:
    """A search whose two candidates and one more trial kept their weights."""
    settings = make_folds(tmp_path / "run", size=SIZE)
    third = next(one for one in read_results(settings.folder / "results.json") if one.trial_id == "t0002")
    write_model(settings.folder / str(third.checkpoint), SIZE)
    return settings


def kept(settings: SearchSettings) -> set[str]:
    return {one.trial_id for one in with_weights(read_results(settings.folder / "results.json"), settings.folder)}


def test_without_a_budget_nothing_is_counted_and_nobody_gives_way(settings: SearchSettings) -> None:
    assert disk_left(settings, 4) is None
    assert kept(settings) == {*SOURCES, "t0002"}


def test_folds_get_what_the_search_leaves_of_its_budget(settings: SearchSettings) -> None:
    taken = bytes_below(settings.folder / "trials")
    left = disk_left(replace(settings, disk_gb=0.01), 4)
    assert left is not None and round(left * 1e9) == 10_000_000 - taken
    assert kept(settings) == {*SOURCES, "t0002"}


def test_trials_that_are_no_candidates_give_way_to_models_of_folds(settings: SearchSettings) -> None:
    before = bytes_below(settings.folder / "trials")
    left = disk_left(replace(settings, disk_gb=(before + 3 * SIZE) / 1e9), 4)
    assert kept(settings) == set(SOURCES)
    assert left is not None and left * 1e9 >= 4 * SIZE


def test_a_budget_that_leaves_no_model_of_a_fold_is_refused_with_the_way_out(settings: SearchSettings) -> None:
    with pytest.raises(BadInput, match="the search's own checkpoints leave .* of it, but .*Raise it: `resume"):
        disk_left(replace(settings, disk_gb=3 * SIZE / 1e9), 4)
