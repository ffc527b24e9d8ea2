"""A pickle where weights, states or arrays should be is refused, and nothing in it is run."""

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import pytest
import torch

import run_search
from tests.made_run import made_search
from tests.reliability.bombs import WRAPPINGS, Bomb, as_array, as_pickle
from tests.reliability.cases import Cases
from tests.tiny import tiny_config, write_folder
from trashseg_core import compiled, models
from trashseg_core.augment.object_bank import open_bank
from trashseg_core.checkpoint import CONFUSIONS, STATE, WEIGHTS, read_confusions, read_state, read_weights
from trashseg_core.data.cache import open_split
from trashseg_core.data.cache_store import cache_root
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.bundle import Ensemble, Member, write_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.models import build_model

pytestmark = pytest.mark.reliability("pickles")
READERS: dict[str, Callable[[Path], Any]] = {
    WEIGHTS: lambda folder: read_weights(folder / WEIGHTS),
    STATE: read_state,
    CONFUSIONS: read_confusions,
}
HALF = [0.5] * 3


def test_the_bombs_go_off_where_pickles_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    for number, wrap in enumerate(WRAPPINGS):
        path, mark = tmp_path / f"file{number}", tmp_path / f"mark{number}"
        wrap(path, Bomb(mark))
        if "torch" in wrap.__name__:
            torch.load(path, weights_only=False)
        else:
            found = np.load(path, allow_pickle=True)
            _ = found["per_image"] if hasattr(found, "files") else found
        assert mark.is_dir(), wrap.__name__


@pytest.mark.parametrize("name", READERS)
def test_a_pickle_in_a_checkpoint_is_refused(tmp_path: Path, name: str, cases: Cases) -> None:
    cases.add(len(WRAPPINGS))
    for wrap in WRAPPINGS:
        wrap(tmp_path / name, Bomb(tmp_path / "mark"))
        with pytest.raises(BadInput, match=name):
            READERS[name](tmp_path)
    assert not (tmp_path / "mark").exists()


def test_a_pickle_that_a_hub_serves_as_pretrained_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cases: Cases
) -> None:
    served = WRAPPINGS[2:4]  # torch's own formats
    cases.add(2 * len(served))
    for wrap in served:
        wrap(tmp_path / "weights.pth", Bomb(tmp_path / "mark"))
        with pytest.raises(UnpicklingError):
            torch.load(tmp_path / "weights.pth", weights_only=False)
        loaded = functools.partial(torch.load, tmp_path / "weights.pth", weights_only=False)
        monkeypatch.setattr(models, "_create", lambda config, num_classes, weights, load=loaded: load())
        with pytest.raises(BadInput, match="weights of resnet18 cannot be had"):
            build_model(tiny_config(encoder_name="resnet18", encoder_weights="imagenet"), 2)
    assert not (tmp_path / "mark").exists()


def test_a_pickle_as_the_weights_of_an_ensemble_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    from trashseg_core.checkpoint import write_weights

    (tmp_path / "checkpoint").mkdir()
    write_weights(tmp_path / "checkpoint", tiny_config(), build_model(tiny_config(), 2).model)
    ensemble = Ensemble([Member("t0000", 1.0, 64, HALF, HALF)], ["Background", "paper"], {"1": 1}, 0.5, 0.5, [], {})
    write_ensemble(tmp_path / "ensemble", ensemble, {"t0000": tmp_path / "checkpoint"})
    data = write_folder(tmp_path / "data", {"test": [(30, 40)]})
    cases.add(len(WRAPPINGS))
    for wrap in WRAPPINGS:
        wrap(tmp_path / "ensemble" / "members" / "t0000" / WEIGHTS, Bomb(tmp_path / "mark"))
        words = ["predict", str(tmp_path / "ensemble"), str(data / "test.json"), "--out", str(tmp_path / "out")]
        assert run_search.main(words) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "native.npy", "pixels.npy"])
def test_a_pickle_in_the_cache_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, cases: Cases
) -> None:
    monkeypatch.setenv("TRASHSEG_CACHE", str(tmp_path / "cache"))
    folder = DataFolder(str(write_folder(tmp_path / "data", {"train": [(64, 64)]})))
    open_split(folder, "train", 64)
    open_bank(folder, 64)
    (path,) = cache_root().glob(f"*/{name}")
    cases.add(2)
    for wrap in (as_array, as_pickle):
        wrap(path, Bomb(tmp_path / "mark"))
        with pytest.raises(BadInput, match="cache"):
            open_bank(folder, 64) if name == "pixels.npy" else open_split(folder, "train", 64)
    assert not (tmp_path / "mark").exists()


def test_compiled_code_is_not_taken_from_a_folder_that_others_may_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert compiled.trusted(tmp_path) == compiled.NOWHERE
    tmp_path.chmod(0o755)
    assert compiled.trusted(tmp_path) == tmp_path


def test_what_ray_and_optuna_would_unpickle_is_left_alone_by_every_verb(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    run = made_search(tmp_path / "made", num_trials=4)
    names = ("ray/tuner.pkl", "ray/searcher-state.pkl", "ray/x/tuner.pkl", "ray/x/experiment_state-1.json")
    names += ("tuner.pkl", "trainable.pkl", "study.pkl", "sampler.pkl", "trials/t0000/epoch_0001/.metadata.pkl")
    names += ("model.pkl", "ensemble/python_model.pkl", "origin/space.pkl")
    for name in names:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        as_pickle(run / name, Bomb(tmp_path / "mark"))
    shutil.rmtree(run / "ensemble")
    verbs = [["status"], ["leaderboard"], ["export-study"], ["stability"], ["report"], ["resume"], ["ensemble"]]
    cases.add(len(verbs) * len(names))
    for words in verbs:
        assert run_search.main([*words, str(run)]) in (0, 2)
    assert not (tmp_path / "mark").exists()
    assert json.loads((run / "manifest.json").read_text())["settings"]["space"] == "quick"
