"""Photos that go bad while trainings read them: the trial says which, the others go on, and the cache stays right."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments import trainable
from experiments.recorder import FAILURE
from experiments.trainable import TrialJob, run_trial
from tests.reliability.cases import Cases
from tests.tiny import FASTEST, tiny_network, write_photo
from trashseg_core import train as train_module
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.photos import read_photo
from trashseg_core.errors import BadInput

pytestmark = pytest.mark.reliability("photo-goes-bad")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def shrink(path: Path) -> None:
    with Image.open(path) as image:
        small = image.resize((20, 20))
    small.save(path)


def turn_into_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def turn_into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "cut off": cut_off,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("<html>not found</html>"),
    "gone": lambda path: path.unlink(),
    "of another size": shrink,
    "a FIFO": turn_into_fifo,
    "a folder": turn_into_folder,
}


@pytest.fixture
def data(tmp_path: Path, sample_folder: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """A data folder of its own, with a cache of its own."""
    monkeypatch.setenv("TRASHSEG_CACHE", str(tmp_path / "cache"))
    return DataFolder(str(shutil.copytree(sample_folder, tmp_path / "data")))


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Ray's side of a worker, without Ray; the network is a tiny one."""
    context = SimpleNamespace(get_trial_resources=lambda: SimpleNamespace(bundles=[{"CPU": 1.0}]))
    rows: list[dict[str, Any]] = []
    monkeypatch.setattr(trainable.tune, "get_context", lambda: context)
    monkeypatch.setattr(trainable.tune, "report", rows.append)
    monkeypatch.setattr(train_module, "build_model", tiny_network)
    return rows


def run(data: DataFolder, folder: Path, key: str, fresh_process: bool) -> None:
    """Run a trial, as in the process of the one before or in another one."""
    if fresh_process:
        trainable._open_data.cache_clear()
    folder.mkdir(exist_ok=True)
    run_trial(TrialJob(data, str(folder), "val_miou"), {**FASTEST, "epochs": 1, "trial_key": key})


def a_photo(data: DataFolder) -> Path:
    return data.photo_path(data.read("train").photos[3])


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_trial_that_meets_a_bad_photo_says_which_and_those_that_have_it_in_memory_go_on(
    data: DataFolder, tmp_path: Path, reported: list[dict[str, Any]], damage: str, cases: Cases
) -> None:
    cases.add(2)
    path, folder = a_photo(data), tmp_path / "run"
    good, before = path.read_bytes(), path.stat()
    run(data, folder, "t0000", fresh_process=True)
    cached = sorted(one.name for one in (tmp_path / "cache").iterdir())
    DAMAGES[damage](path)

    run(data, folder, "t0001", fresh_process=False)
    first, second = reported
    same = ("train_loss", "val_loss", "val_miou", "val_miou_low")
    assert [second[name] for name in same] == [first[name] for name in same]

    run(data, folder, "t0002", fresh_process=True)
    assert path.name in reported[2][FAILURE]

    assert sorted(one.name for one in (tmp_path / "cache").iterdir()) == cached, "the good cache stays, no bad one came"
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    path.write_bytes(good)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    run(data, folder, "t0003", fresh_process=True)
    assert [reported[3][name] for name in same] == [first[name] for name in same]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_photo_that_goes_bad_between_check_and_decoding_stops_the_cache_before_it_counts(
    data: DataFolder, tmp_path: Path, damage: str
) -> None:
    checked, path = data.read("train"), a_photo(data)
    os.utime(path, ns=(1, 1))
    calm = np.array(open_split(data, "train", 64, checked=checked).images)
    shutil.rmtree(tmp_path / "cache")
    good = path.read_bytes()

    DAMAGES[damage](path)
    with pytest.raises((BadInput, OSError), match=path.name):
        open_split(data, "train", 64, checked=checked)
    assert not [one for one in (tmp_path / "cache").glob("*") if not one.name.startswith(".")]
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    path.write_bytes(good)
    os.utime(path, ns=(1, 1))
    assert np.array_equal(open_split(data, "train", 64, checked=checked).images, calm)


def test_a_fifo_in_place_of_a_photo_is_refused_at_once(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    turn_into_fifo(tmp_path / "a.png")
    with pytest.raises(BadInput, match="a.png: not a regular file"):
        read_photo(tmp_path / "a.png")
