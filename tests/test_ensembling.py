"""The hop from trials to an ensemble, whatever the trials are; a kill loses no prediction."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.ensembling import build_ensemble
from experiments.manifest import Manifest
from experiments.results import TrialResult, write_results
from experiments.settings import SearchSettings
from run_search import main
from tests.test_ensemble import checkpoint
from tests.tiny import tiny_config, write_folder
from trashseg_core.checkpoint import read_confusions, write_weights
from trashseg_core.confusion import count_confusion, miou
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble import probabilities
from trashseg_core.ensemble.bundle import HELD_OUT, Ensemble, read_ensemble
from trashseg_core.ensemble.loading import load_ensemble
from trashseg_core.ensemble.methods import METHODS
from trashseg_core.errors import BadInput
from trashseg_core.inference.ensemble_predict import predict_photos
from trashseg_core.models import build_model

ROOT = Path(__file__).parents[1]
PHOTOS = [(30, 40), (64, 64), (50, 20), (33, 35), (64, 48), (20, 20), (40, 40)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    sizes = {"train": PHOTOS, "val": PHOTOS, "test": PHOTOS[:3]}
    return DataFolder(str(write_folder(tmp_path_factory.mktemp("data"), sizes)))


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three trials of two image sizes."""
    root = tmp_path_factory.mktemp("trials")
    return [checkpoint(root / str(number), number, size) for number, size in enumerate((64, 96, 64))]


def settings_of(folder: Path, data: DataFolder, **flags: Any) -> SearchSettings:
    return SearchSettings(data.path, "quick", folder.name, str(folder.parent), **flags)


def make_run(folder: Path, data: DataFolder, trials: list[Path]) -> Path:
    """A run folder of finished trials, as `search` leaves it."""
    folder.mkdir()
    results = [
        TrialResult(
            f"t{number:04d}", "finished", 0.5 - 0.1 * number, 0.4, 1, 1, {}, os.path.relpath(one, folder), 1, None
        )
        for number, one in enumerate(trials)
    ]
    write_results(folder / "results.json", results)
    Manifest(settings_of(folder, data), "1", {}, {}).write(folder)
    return folder


def built(folder: Path, data: DataFolder, **flags: Any) -> Ensemble:
    build_ensemble(folder, settings_of(folder, data, **flags))
    return read_ensemble(folder / "ensemble")


def row(ensemble: Ensemble, name: str) -> dict[str, Any]:
    return next(one for one in ensemble.evidence if one["name"] == name)


def test_candidates_without_weights_are_left_out_and_that_is_said(
    tmp_path: Path, data: DataFolder, trials: list[Path]
) -> None:
    light = tmp_path / "light"
    shutil.copytree(trials[1], light)
    (light / "model.safetensors").unlink()
    whole = built(make_run(tmp_path / "whole", data, trials[:2]), data, tta="none", method="single")
    less = built(make_run(tmp_path / "less", data, [trials[0], light]), data, tta="none", method="single")
    assert "candidates" not in [one["name"] for one in whole.evidence]
    assert row(less, "candidates")["why"] == "1 with weights, fewer than `--top-k 5`"
    assert less.provenance["candidates"] == ["t0000"]


def test_an_ensemble_says_what_was_tried_and_what_it_reaches(
    tmp_path: Path, data: DataFolder, trials: list[Path]
) -> None:
    ensemble = built(make_run(tmp_path / "run", data, trials), data)
    tried = [one["name"] for one in ensemble.evidence]
    assert tried[: len(METHODS) + 1] == ["backtest", *METHODS]
    assert "offsets" in tried and "TTA flip" in tried
    kept = [one for one in ensemble.evidence if one["kept"]][-1]
    assert (ensemble.val_miou, ensemble.val_miou_crossfit) == (kept["val_miou"], kept["held_out"])
    (low, high), (lowest, highest) = ensemble.val_interval, ensemble.test_interval
    assert lowest < low <= ensemble.val_miou_crossfit <= high < highest
    assert ensemble.provenance["test_photos"] == len(data.read("test").photos)
    in_sample = float(miou(read_confusions(tmp_path / "run" / "ensemble").per_image.sum(axis=0)))
    assert in_sample == pytest.approx(ensemble.val_miou)
    held_out = read_confusions(tmp_path / "run" / "ensemble" / HELD_OUT).per_image
    assert float(miou(held_out.sum(axis=0))) == pytest.approx(ensemble.val_miou_crossfit)
    assert 0 < ensemble.provenance["quantisation"][0]["largest_error"] <= 1 / 510 + 1e-6


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_trials_than_k_are_enough(tmp_path: Path, data: DataFolder, trials: list[Path], count: int) -> None:
    run = make_run(tmp_path / "run", data, trials[:count])
    for method in ("auto", "per-class", "greedy"):
        ensemble = built(run, data, top_k=5, method=method, tta="none")
        assert 1 <= len(ensemble.members) <= count
        assert ensemble.member_weights().sum(axis=0) == pytest.approx(np.ones(3))


def test_trials_that_are_all_the_same_make_the_first_one(tmp_path: Path, data: DataFolder, trials: list[Path]) -> None:
    ensemble = built(make_run(tmp_path / "run", data, trials[:1] * 3), data, tta="none")
    assert [member.trial_id for member in ensemble.members] == ["t0000"]


def test_a_single_val_photo_is_enough(tmp_path: Path, trials: list[Path]) -> None:
    alone = DataFolder(str(write_folder(tmp_path / "data", {"train": PHOTOS, "val": PHOTOS[:1]})))
    ensemble = built(make_run(tmp_path / "run", alone, trials), alone)
    assert 0 <= ensemble.val_miou_crossfit <= 1


@pytest.mark.parametrize("method", ["single", "uniform", "greedy", "bagged", "pairwise", "refined", "per-class"])
def test_the_method_that_was_asked_for_is_taken(
    tmp_path: Path, data: DataFolder, trials: list[Path], method: str
) -> None:
    ensemble = built(make_run(tmp_path / "run", data, trials), data, method=method, tta="none")
    assert row(ensemble, method)["kept"] or "one member" in row(ensemble, method)["why"]
    assert "single" in [one["name"] for one in ensemble.evidence]


def test_views_and_crf_that_were_asked_for_are_taken(tmp_path: Path, data: DataFolder, trials: list[Path]) -> None:
    ensemble = built(make_run(tmp_path / "run", data, trials), data, method="uniform", tta="flips", crf="on")
    assert {member.tta for member in ensemble.members} == {"flips"}
    assert ensemble.crf is not None and row(ensemble, "CRF")["kept"]
    assert row(ensemble, "CRF")["val_miou"] == ensemble.val_miou


def test_the_pixels_of_a_submission_can_choose_and_a_crf_is_not_tried_on_them(
    tmp_path: Path, data: DataFolder, trials: list[Path]
) -> None:
    run = make_run(tmp_path / "run", data, trials)
    ensemble = built(run, data, ensemble_size="256", crf="auto", tta="none", method="greedy")
    assert read_confusions(run / "ensemble").per_image.sum() <= len(PHOTOS) * 256**2
    assert ensemble.provenance["pixels"] == "256 x 256" and ensemble.crf is None
    assert "not tried" in row(ensemble, "CRF")["why"]


def test_all_trials_that_ran_through_can_be_the_pool(tmp_path: Path, data: DataFolder, trials: list[Path]) -> None:
    run = make_run(tmp_path / "run", data, trials)
    rows = json.loads((run / "results.json").read_text())
    rows[0]["status"] = "stopped"
    (run / "results.json").write_text(json.dumps(rows))
    chosen = {"top-k": ["t0000", "t0001"], "all-finished": ["t0001", "t0002"]}
    for pool, expected in chosen.items():
        ensemble = built(run, data, pool=pool, top_k=2, tta="none", method="single")
        assert ensemble.provenance["candidates"] == expected


def test_predictions_above_the_disk_budget_fall_back_to_256_pixels_or_are_refused(
    tmp_path: Path, trials: list[Path]
) -> None:
    large = DataFolder(str(write_folder(tmp_path / "data", {"train": PHOTOS, "val": [(700, 700)] * 2})))
    run = make_run(tmp_path / "run", large, trials[:1])
    ensemble = built(run, large, store_gb=0.0015, tta="none", method="single")
    assert ensemble.provenance["pixels"] == "256 x 256"
    assert "Raise `--store-gb`" in row(ensemble, "native size")["why"]
    with pytest.raises(BadInput, match="predictions take 0.0 GB more, but .* allowed or free"):
        built(make_run(tmp_path / "other", large, trials[:1]), large, store_gb=0.0001)


def test_no_candidate_is_predicted_twice(
    tmp_path: Path, data: DataFolder, trials: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", data, trials)
    first = built(run, data)
    monkeypatch.setattr(probabilities, "predict_logits", None)  # a second prediction would fail
    again = built(run, data)
    assert again.members == first.members


@pytest.mark.slow
def test_killing_the_verb_at_any_moment_loses_no_prediction(
    tmp_path: Path, data: DataFolder, trials: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run", data, trials)
    command = [sys.executable, "run_search.py", "ensemble", str(run), "--tta", "none", "--method", "greedy"]
    kept: dict[str, int] = {}
    for wanted in (1, 2):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            while len(finished(run)) < wanted and process.poll() is None:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
        now = finished(run)
        assert len(now) >= wanted and now.items() >= kept.items()
        kept = now
    assert main(["ensemble", str(run), "--tta", "none", "--method", "greedy"]) == 0
    assert "What the ensemble is built on" in capsys.readouterr().out
    assert finished(run).items() >= kept.items()
    assert read_ensemble(run / "ensemble").members
    assert not list((run / "predictions").glob("*.part"))


def finished(run: Path) -> dict[str, int]:
    """Finished predictions, and when each was written."""
    store = run / "predictions"
    found = [path for path in store.iterdir() if not path.suffix] if store.is_dir() else []
    return {path.name: (path / probabilities.PROBABILITIES).stat().st_mtime_ns for path in found}


def test_the_ensemble_predicts_what_it_was_scored_for(tmp_path: Path, data: DataFolder, trials: list[Path]) -> None:
    """Members of other image sizes and normalisations, with offsets and more views for all of them."""
    run = make_run(tmp_path / "run", data, [trials[1], lite_trial(tmp_path / "lite")])
    ensemble = built(run, data, method="pairwise", tta="flip")
    seen = [(member.image_size, member.mean) for member in ensemble.members]
    assert seen == [(96, [0.485, 0.456, 0.406]), (32, [0.5, 0.5, 0.5])]
    assert ensemble.class_offsets and {member.tta for member in ensemble.members} == {"flip"}
    places = [(Path(data.path) / f"val/{number}.png", size) for number, size in enumerate(PHOTOS)]
    scored, val = read_confusions(run / "ensemble").per_image, open_split(data, "val", 64)
    predicted = predict_photos(load_ensemble(run / "ensemble", ensemble), places)
    for photo, (prediction, expected) in enumerate(zip(predicted, scored, strict=True)):
        counted = count_confusion(val.truth(photo), prediction.labels, 3)
        assert np.abs(counted - expected).sum() <= 0.02 * expected.sum()  # scored in steps of 1/255


def lite_trial(folder: Path) -> Path:
    """A trial whose encoder expects photos normalised in another way."""
    torch.manual_seed(7)
    config = tiny_config(encoder_name="tu-tf_efficientnet_lite0", image_size=32)
    model = build_model(config, 3).model
    with torch.no_grad():
        model.segmentation_head[0].weight *= 30
    folder.mkdir()
    write_weights(folder, config, model)
    return folder
