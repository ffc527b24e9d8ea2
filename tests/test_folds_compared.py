"""An ensemble of folds was scored on more photos than its trials: they are compared on those that both know."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import run_search
from experiments.forecast import forecast_run, read_models
from experiments.run_folder import read_run_folder
from experiments.sections.summary import summary
from experiments.verbs.comparison import compare_runs
from tests.made_run import add_ensemble, make_run
from tests.test_cli import Capture
from trashseg_core.checkpoint import Confusions, write_confusions
from trashseg_core.confusion import miou
from trashseg_core.disk.files import read_json, write_json
from trashseg_core.ensemble.bundle import HELD_OUT


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An ensemble that is better on each photo of val, and worse in the mean, since it knows harder ones as well."""
    folder = make_run(tmp_path / "run", [("finished", [0.9]), ("finished", [0.5])])
    add_ensemble(folder, "x")
    path = folder / "ensemble" / "ensemble.json"
    document = read_json(path)
    write_json(path, {**document, "provenance": {"search": "run", "folds": 4}})
    val = read_models(folder)["t0000"]
    better = val.per_image + 200 * np.eye(3, dtype=np.int64)
    hard = np.full((16, 3, 3), 500)
    names = [*(f"train/{number}.jpg" for number in range(16)), *reversed(val.file_names)]
    (folder / "ensemble" / HELD_OUT).mkdir()
    scored = Confusions(np.concatenate([hard, better[::-1]]), names, val.class_names)
    write_confusions(folder / "ensemble" / HELD_OUT, scored)
    write_confusions(folder / "ensemble", scored)
    return folder


def test_the_report_compares_on_val(run: Path) -> None:
    found = read_run_folder(run, "val_miou")
    best = found.best
    assert best is not None and found.held_out is not None
    scored = found.held_out.of(found.confusions["t0000"].file_names)
    assert scored is not None
    on_val = float(miou(scored.sum(axis=0)))
    found = replace(found, results=[replace(one, val_miou=on_val - 0.0123) for one in found.results])
    told = summary(found).html
    assert "On val, held out, the ensemble is 0.0123 above the best single trial" in told
    assert "out-of-fold mIoU, train and val" in told


def test_without_matrices_nothing_is_compared(run: Path) -> None:
    found = replace(read_run_folder(run, "val_miou"), held_out=None)
    assert "the best single trial, whose" not in summary(found).html


def test_the_ensemble_stands_on_the_leaderboard_with_the_photos_of_val(run: Path, capsys: Capture) -> None:
    models = read_models(run)
    assert models["ensemble"].file_names == models["t0000"].file_names
    assert np.array_equal(models["ensemble"].per_image, models["t0000"].per_image + 200 * np.eye(3, dtype=np.int64))
    document = forecast_run(run, None)
    assert document["models"][0]["name"] == "ensemble"
    assert run_search.main(["stability", str(run)]) == 0
    printed = capsys.readouterr().out
    left_out = [name for name in models if name not in [one["name"] for one in document["models"]]]
    assert document["left_out"] == left_out and all(name in printed for name in models)


def test_ensembles_of_other_photos_have_no_difference(run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", [("finished", [0.9]), ("finished", [0.5])])
    add_ensemble(other, "x")
    for place in ("ensemble", f"ensemble/{HELD_OUT}"):
        (other / place).mkdir(exist_ok=True)
        write_confusions(other / place, read_models(run)["t0000"])
    for folder in (run, other):
        manifest = {"settings": {"data": "d", "space": "quick", "name": folder.name}, "data": {}, "domains": {}}
        write_json(folder / "manifest.json", {"schema": 1, "version": "0.1", **manifest})
    for pair, folds in (((run, other), [4, None]), ((other, run), [None, 4])):
        found = compare_runs(*pair)
        assert found["folds"] == folds
        assert [row["difference"] is None for row in found["scores"]] == [False, True, True]
        assert json.dumps(found)
