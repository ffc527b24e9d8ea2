"""The whole path as a user runs it: COCO folder in, checked submission out."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.whole_search import ROOT, command, run, search_words

pytestmark = pytest.mark.slow


def journal_epochs(folder: Path) -> dict[str, list[int]]:
    epochs: dict[str, list[int]] = {}
    path = folder / "journal.jsonl"
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.endswith("}") and (event := json.loads(line))["event"] == "epoch":
            epochs.setdefault(event["key"], []).append(event["epoch"])
    return epochs


def curve(folder: Path, key: str) -> dict[int, float]:
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    return {one["epoch"]: one["metrics"]["val_miou"] for one in events if one["key"] == key and one["event"] == "epoch"}


def check_outputs(folder: Path, data: Path, shared_validator: Path | None) -> None:
    names = [image["file_name"] for image in json.loads((data / "test.json").read_text())["images"]]
    with open(folder / "submission.csv", newline="") as stream:
        csv.field_size_limit(10**7)
        rows = list(csv.reader(stream))
    assert rows[0] == ["image_id", "PredictionString"]
    assert [row[0] for row in rows[1:]] == names
    assert all(len(row[1].split(" ")) == 256 * 256 for row in rows[1:])
    if shared_validator is not None:
        words = [sys.executable, str(shared_validator), str(folder / "submission.csv"), str(data / "test.json")]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    assert (folder / "report.html").stat().st_size > 10_000
    results = json.loads((folder / "results.json").read_text())
    for row in results:
        files = {path.name for path in (folder / row["checkpoint"]).iterdir()}
        assert files == {"model.safetensors", "state.pt", "config.json", "confusions.npz"}


def validator() -> Path | None:
    path = ROOT.parent / "shared" / "oracles" / "check_submission.py"
    return path if path.exists() else None


def test_one_command_leads_from_generated_photos_to_a_valid_submission(
    finished: Path, folders: tuple[Path, Path]
) -> None:
    check_outputs(finished, folders[0], validator())


def test_the_first_trial_is_the_default_configuration(finished: Path) -> None:
    first = next(row for row in json.loads((finished / "results.json").read_text()) if row["trial_id"] == "t0000")
    assert first["config"]["decoder_name"] == "segformer" and first["config"]["optimizer"] == "adamw"
    assert first["config"]["lr"] == pytest.approx(2e-3) and first["config"]["augmix_ratio"] == 0


def test_mlflow_holds_one_parent_and_one_child_per_trial_ensemble_and_submission(finished: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{finished.parent / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("trashseg")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], f"tags.`trashseg.run` = '{finished}'")
    parents = [one for one in runs if "mlflow.parentRunId" not in one.data.tags]
    children = [one for one in runs if one.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert len(parents) == 1
    assert sorted(one.data.tags["trashseg.trial"] for one in children) == [
        "ensemble",
        "submission",
        "t0000",
        "t0001",
        "t0002",
    ]


def test_the_ensemble_is_at_least_as_good_on_val_as_the_best_trial(finished: Path) -> None:
    best = json.loads((finished / "results.json").read_text())[0]["val_miou"]
    assert json.loads((finished / "ensemble" / "ensemble.json").read_text())["val_miou"] >= best - 2e-3


def test_a_second_search_of_the_same_name_is_refused(finished: Path, folders: tuple[Path, Path]) -> None:
    done = run(*search_words(folders[0], finished.parent, "calm", 3, 4), cwd=finished.parent, code=2)
    assert "resume" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_finished_search_is_resumed_without_training_anything(finished: Path) -> None:
    before = (finished / "journal.jsonl").read_bytes()
    done = run("resume", str(finished), cwd=finished.parent)
    assert (finished / "journal.jsonl").read_bytes() == before
    assert "starts" not in done.stdout and "Submission" in done.stdout


def test_the_ensemble_predicts_label_maps_alone(finished: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    from PIL import Image

    photos = folders[0] / "batch_03"
    run("predict", str(finished / "ensemble"), str(photos), "--out", str(tmp_path), "--overlays", cwd=tmp_path)
    maps = {path.stem for path in tmp_path.glob("*.png")}
    assert maps == {path.stem for path in photos.glob("*.jpg")}
    labels = np.asarray(Image.open(next(tmp_path.glob("*.png"))))
    assert labels.shape == (96, 96) and labels.max() <= 10


def test_train_from_a_trial_repeats_its_curve(finished: Path, tmp_path: Path) -> None:
    results = json.loads((finished / "results.json").read_text())
    trial = next(row["trial_id"] for row in results if row["status"] == "finished")
    done = run("train", "--from", str(finished), "--trial", trial, "--out", str(tmp_path / "again"), cwd=tmp_path)
    printed = dict(re.findall(r"^epoch (\d+)/.* val_miou ([\d.]+)", done.stdout, re.MULTILINE))
    assert printed == {str(epoch): f"{value:.4f}" for epoch, value in curve(finished, trial).items()}
    from experiments.checkpoints.trial_folder import TrialFolder
    from trashseg_core.checkpoint import read_state

    last = TrialFolder(tmp_path / "again", "val_miou").last()
    assert last is not None
    metrics = read_state(last)["metrics"]
    assert metrics["val_miou"] == curve(finished, trial)[metrics["epoch"]]


def wait_for(condition, seconds: float) -> bool:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.reliability("kills")
def test_a_killed_search_goes_on_without_losing_or_repeating_an_epoch(
    finished: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    """Also where the photos lie elsewhere by then."""
    data, out = folders
    folder = out / "killed"
    driver = subprocess.Popen(
        command(*search_words(data, out, "killed", 3, 4)), cwd=out, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert wait_for(lambda: sum(map(len, journal_epochs(folder).values())) >= 3, 200)
    family = psutil.Process(driver.pid).children(recursive=True)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not psutil.wait_procs(family, timeout=30)[1], "a process outlived its driver"
    before = journal_epochs(folder)
    trials = (folder / "trials").glob("t*")
    kept = {path.name: max((int(one.name[6:]) for one in path.glob("epoch_*")), default=0) for path in trials}
    moved = shutil.copytree(data, tmp_path / "moved", copy_function=shutil.copyfile)
    done = run("resume", str(folder), "--data", str(moved), cwd=out)
    after = journal_epochs(folder)
    assert sorted(after) == ["t0000", "t0001", "t0002"]
    for key, epochs in after.items():
        assert epochs == list(range(1, len(epochs) + 1)), f"{key} lost or repeated an epoch: {epochs}"
        assert len(epochs) >= kept.get(key, 0), f"{key} lost a checkpointed epoch"
    ends = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert sorted(one["key"] for one in ends if one["event"] == "end") == ["t0000", "t0001", "t0002"]
    assert any(f"{key} starts again after epoch" in done.stdout for key in before)
    calm, disturbed = curve(finished, "t0000"), curve(folder, "t0000")
    assert all(disturbed[epoch] == calm[epoch] for epoch in calm.keys() & disturbed.keys())
    check_outputs(folder, data, validator())


@pytest.mark.reliability("kills")
def test_folds_that_were_killed_go_on_and_their_models_enter_the_ensemble(
    finished: Path, folders: tuple[Path, Path]
) -> None:
    data, out = folders
    folder = shutil.copytree(finished, out / "folded")
    words = ("folds", str(folder), "--folds", "3", "--top-k", "1")
    driver = subprocess.Popen(command(*words), cwd=out, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert wait_for(lambda: sum(map(len, journal_epochs(folder / "folds_3").values())) >= 2, 200)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    done = run("resume", str(folder), cwd=out)
    assert "out-of-fold mIoU" in done.stdout
    for key, epochs in journal_epochs(folder / "folds_3").items():
        assert epochs == list(range(1, len(epochs) + 1)), f"{key} lost or repeated an epoch: {epochs}"
    ensemble = json.loads((folder / "ensemble" / "ensemble.json").read_text())
    assert [member["fold"] for member in ensemble["members"]] == [0, 1, 2]
    check_outputs(folder, data, validator())


@pytest.mark.reliability("kills")
def test_pseudo_labels_are_made_trained_with_and_judged_by_one_command(
    finished: Path, folders: tuple[Path, Path]
) -> None:
    data, out = folders
    folder = shutil.copytree(finished, out / "labelled")
    words = ("pseudo", str(folder), "--images", str(data / "test.json"), "--precision", "0.01", "--top-k", "1")
    done = run(*words, "--trials", "2", cwd=out)
    assert (
        "photos chosen" in done.stdout and "Best of 1 trial with them after the best of 1 trial without" in done.stdout
    )
    second = out / "labelled-pseudo"
    assert isinstance(json.loads((second / "verdict.json").read_text())["accepted"], bool)
    ratios = [row["config"]["pseudo_ratio"] for row in json.loads((second / "results.json").read_text())]
    assert sorted(ratios) == [0.0, 0.25]


def test_ctrl_c_saves_and_says_how_to_go_on(folders: tuple[Path, Path]) -> None:
    data, out = folders
    out.mkdir(exist_ok=True)
    driver = subprocess.Popen(
        command(*search_words(data, out, "stopped", 2, 50)), cwd=out, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert wait_for(lambda: journal_epochs(out / "stopped"), 200)
    driver.send_signal(signal.SIGINT)
    _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert f"resume {out / 'stopped'}" in errors.decode()
    assert json.loads((out / "stopped" / "results.json").read_text())


def test_one_command_leads_from_real_photos_to_a_valid_submission(garbage6: Path, tmp_path: Path) -> None:
    run(*search_words(garbage6, tmp_path, "real", trials=2, epochs=2), cwd=tmp_path)
    check_outputs(tmp_path / "real", garbage6, validator())
