"""Each candidate is predicted once, as it scored in training, and a kill loses nothing."""

import os
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.candidates import num_pixels, predict_candidate
from tests.test_ensemble import checkpoint
from tests.tiny import write_folder
from trashseg_core.checkpoint import read_config, read_network
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble import probabilities
from trashseg_core.ensemble.disagreement import find_disagreement
from trashseg_core.ensemble.grid import Grid, open_grid
from trashseg_core.ensemble.probabilities import StoredPrediction, make_room
from trashseg_core.ensemble.scoring import pixel_confusions
from trashseg_core.errors import BadInput
from trashseg_core.inference.predict import predict_logits, to_native
from trashseg_core.inference.scoring import score
from trashseg_core.losses import build_loss

PHOTOS = {"val": [(30, 40), (64, 64), (50, 20), (33, 35), (64, 48), (20, 20)]}
SIZES = (64, 96)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def val(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    return DataFolder(str(write_folder(tmp_path_factory.mktemp("val"), PHOTOS)))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two candidates of different image sizes."""
    root = tmp_path_factory.mktemp("checkpoints")
    return [checkpoint(root / str(size), number, size) for number, size in enumerate(SIZES)]


@pytest.fixture(params=[None, 16], ids=["native", "16 px"])
def grid(request: pytest.FixtureRequest, val: DataFolder) -> Grid:
    return open_grid(open_split(val, "val", 64), request.param)


def native_probabilities(path: Path, val: DataFolder, photo: int) -> np.ndarray:
    """What a candidate says of one photo alone, by the definition: float (C, H, W)."""
    config = read_config(path)
    split = open_split(val, "val", config.predict_size)
    logits = predict_logits(read_network(path, config, 3), config, split.images[photo : photo + 1])[0]
    height, width = (int(one) for one in split.sizes[photo])
    return to_native(logits, split.extent(photo), (height, width)).softmax(dim=0).numpy()


def test_kept_probabilities_are_off_by_at_most_half_a_step_and_say_so(
    val: DataFolder, checkpoints: list[Path], grid: Grid, tmp_path: Path
) -> None:
    for path in checkpoints:
        kept = predict_candidate(path, val, grid, tmp_path)
        for photo in range(len(grid)):
            exact = grid.sample(native_probabilities(path, val, photo)).reshape(3, -1)
            assert np.abs(kept.planes(photo) / 255 - exact).max() <= 1 / 510 + 1e-5
            assert np.array_equal(kept.labels(photo), kept.planes(photo).argmax(axis=0))
        assert 0 < kept.quantisation["largest_error"] <= 1 / 510 + 1e-6
        assert 0 <= kept.quantisation["labels_changed"] < 0.05


def test_a_submissions_grid_takes_its_pixels(val: DataFolder) -> None:
    split = open_split(val, "val", 64)
    grid = open_grid(split, 16)
    for photo, (height, width) in enumerate(PHOTOS["val"]):
        rows, columns = np.arange(16) * height // 16, np.arange(16) * width // 16
        expected = split.truth(photo)[np.ix_(rows, columns)]
        assert np.array_equal(grid.truth_of(photo).reshape(16, 16), expected)
        assert np.array_equal(grid.sample(split.truth(photo)), expected)


@pytest.mark.parametrize("number", [0, 1])
def test_each_candidate_alone_scores_as_in_training(
    val: DataFolder, checkpoints: list[Path], tmp_path: Path, number: int
) -> None:
    """Also where they have other image sizes."""
    grid = open_grid(open_split(val, "val", 64))
    pixels = find_disagreement([predict_candidate(one, val, grid, tmp_path) for one in checkpoints], grid, tmp_path)
    config = read_config(checkpoints[number])
    split = open_split(val, "val", SIZES[number])
    expected = score(read_network(checkpoints[number], config, 3), config, split, build_loss(config))[0]
    counted = pixel_confusions(pixels, [np.eye(2)[number]] * len(grid))
    assert pixels.agreed.sum() > 0 and num_pixels(pixels) > 0
    assert np.array_equal(counted.sum(axis=(1, 2)), expected.sum(axis=(1, 2)))
    assert np.abs(counted - expected).sum() <= 0.02 * expected.sum()  # 8-bit probabilities may tie


def forbid_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("predicted again")

    monkeypatch.setattr(probabilities, "predict_logits", fail)


def test_a_candidate_is_predicted_once(
    val: DataFolder, checkpoints: list[Path], grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = predict_candidate(checkpoints[0], val, grid, tmp_path)
    forbid_prediction(monkeypatch)
    assert predict_candidate(checkpoints[0], val, grid, tmp_path).folder == first.folder


def test_other_weights_views_or_pixels_are_predicted_anew(
    val: DataFolder, checkpoints: list[Path], tmp_path: Path
) -> None:
    split = open_split(val, "val", 64)
    native, small = open_grid(split), open_grid(split, 16)
    kept = [predict_candidate(one, val, native, tmp_path) for one in checkpoints]
    kept += [predict_candidate(checkpoints[0], val, native, tmp_path, "flip")]
    kept += [predict_candidate(checkpoints[0], val, small, tmp_path)]
    assert len({one.folder for one in kept}) == 4
    assert not np.array_equal(kept[0].planes(1), kept[2].planes(1))


def contents(prediction: StoredPrediction) -> list[bytes]:
    return [(prediction.folder / name).read_bytes() for name in (probabilities.PROBABILITIES, probabilities.LABELS)]


KILLED = """
import sys, time
from pathlib import Path
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.grid import open_grid
from tests.candidates import predict_candidate

data, checkpoint, store = sys.argv[1:]
folder = DataFolder(data)

def wait(done, total):
    print(done, flush=True)
    time.sleep(60 if done == 4 else 0)

predict_candidate(Path(checkpoint), folder, open_grid(open_split(folder, "val", 64)), Path(store), progress=wait)
"""


@pytest.mark.slow
@pytest.mark.reliability("kills")
def test_a_killed_prediction_goes_on_with_the_photos_that_are_left(
    val: DataFolder, checkpoints: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = open_grid(open_split(val, "val", 64))
    whole = predict_candidate(checkpoints[0], val, grid, tmp_path / "whole")
    command = [sys.executable, "-c", KILLED, val.path, str(checkpoints[0]), str(tmp_path / "killed")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "4\n"  # a batch of four photos is done
        process.send_signal(signal.SIGKILL)
    predicted: list[int] = []
    predict = probabilities.predict_logits

    def count(*arguments: object) -> torch.Tensor:
        predicted.append(len(arguments[2]))  # type: ignore[arg-type]
        return predict(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(probabilities, "predict_logits", count)
    again = predict_candidate(checkpoints[0], val, grid, tmp_path / "killed")
    assert predicted == [2]
    assert contents(again) == contents(whole)


def test_half_a_batch_after_the_last_count_is_written_over(
    val: DataFolder, checkpoints: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = open_grid(open_split(val, "val", 64))
    whole = predict_candidate(checkpoints[0], val, grid, tmp_path / "whole")

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_candidate(checkpoints[0], val, grid, tmp_path / "part", progress=interrupt)
    (part,) = (tmp_path / "part").iterdir()
    for name in (probabilities.PROBABILITIES, probabilities.LABELS):
        with open(part / name, "ab") as stream:
            stream.write(b"rubbish")
    assert contents(predict_candidate(checkpoints[0], val, grid, tmp_path / "part")) == contents(whole)


def filled(store: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (store / name).mkdir(parents=True)
        (store / name / "probabilities.bin").write_bytes(bytes(1000))
        os.utime(store / name, (time.time() - 100 + number,) * 2)
    return store


def test_predictions_that_nobody_needs_give_way_the_oldest_first(tmp_path: Path) -> None:
    store = filled(tmp_path, "old", "kept", "newer", "newest")
    make_room(store, {"kept"}, needed=500, budget=3500)
    assert sorted(path.name for path in store.iterdir()) == ["kept", "newer", "newest"]


def test_an_unfinished_prediction_that_is_needed_stays(tmp_path: Path) -> None:
    store = filled(tmp_path, "kept.part", "other.part")
    make_room(store, {"kept"}, needed=500, budget=1600)
    assert [path.name for path in store.iterdir()] == ["kept.part"]


def test_what_an_unfinished_prediction_holds_already_is_not_asked_for_again(tmp_path: Path) -> None:
    store = filled(tmp_path, "kept.part", "finished")
    make_room(store, {"kept", "finished"}, needed=1500, budget=2500)
    with pytest.raises(BadInput, match="take 0.0 GB more"):
        make_room(store, {"kept", "finished"}, needed=1501, budget=2500)


def test_predictions_above_the_budget_are_refused_and_none_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probabilities.shutil, "disk_usage", lambda path: Usage(10, 9, 10**12))
    expected = "take 200.0 GB more, but 99.0 GB are allowed or free. Raise `--store-gb`, make room, or choose a "
    with pytest.raises(BadInput, match=expected + "smaller `--top-k` or `--ensemble-size 256`"):
        make_room(filled(tmp_path, "kept", "other"), {"kept"}, needed=200 * 10**9, budget=99 * 10**9 + 1000)
    assert (tmp_path / "kept").is_dir() and (tmp_path / "other").is_dir()


def test_predictions_that_would_fill_the_disk_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probabilities.shutil, "disk_usage", lambda path: Usage(10, 9, 10**10))
    with pytest.raises(BadInput, match="10.0 GB more, but 9.0 GB are allowed or free. Raise `--store-gb`, make room"):
        make_room(tmp_path, set(), needed=10**10, budget=10**12)
    make_room(tmp_path, set(), needed=9 * 10**9, budget=10**12)
