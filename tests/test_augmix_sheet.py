"""The contact sheet of augmix shows photos before and after, and refuses what it cannot draw."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import run_search
from experiments.pictures.augmix_sheet import (
    NUM_PHOTOS,
    TILE_PX,
    draw_augmix_sheet,
    write_augmix_sheet,
    write_search_sheet,
)
from experiments.results import TrialResult
from tests.test_cli import own_signal_handlers, refused
from tests.tiny import tiny_config, write_folder
from tests.tiny_sources import files_of
from trashseg_core.augment.object_bank import open_bank
from trashseg_core.config import TrialConfig
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput

__all__ = ["own_signal_handlers"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    sizes = {"train": [(64, 64), (40, 80), (90, 30)] * 3, "val": [(64, 64)], "test": [(64, 64)]}
    return DataFolder(str(write_folder(tmp_path_factory.mktemp("sheet"), sizes)))


def sheet(folder: DataFolder, config: TrialConfig) -> np.ndarray:
    return draw_augmix_sheet(open_split(folder, "train", 64), open_bank(folder, 64), config)


def test_check_writes_a_png_of_three_columns(folder: DataFolder, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "sheet.png"
    words = ["check", folder.path, "--show-augmix", str(path), "--set", "image_size=64", "augmix_max_objects=1"]
    assert run_search.main(words) == 0
    assert "sheet.png: training photos with pasted objects" in capsys.readouterr().out
    with Image.open(path) as picture:
        assert picture.format == "PNG" and picture.mode == "RGB"
        assert picture.width > 3 * TILE_PX and picture.height > NUM_PHOTOS * 40
    assert [one.name for one in tmp_path.iterdir()] == ["sheet.png"]


def test_the_second_column_differs_from_the_first_where_objects_are(folder: DataFolder) -> None:
    drawn = sheet(folder, tiny_config(augmix_ratio=1.0))
    width = TILE_PX + 10
    first, second = (drawn[34:, 10 + number * width : 10 + number * width + TILE_PX].astype(int) for number in (0, 1))
    tiles = slice(0, int(0.8 * len(first)))
    assert 0.005 < (np.abs(first[tiles] - second[tiles]).max(axis=2) > 30).mean() < 0.6


def test_a_sheet_is_a_function_of_the_seed(folder: DataFolder) -> None:
    one, again, other = (sheet(folder, tiny_config(augmix_ratio=1.0, seed=seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_a_search_gets_the_sheet_of_its_best_trial_that_pastes(folder: DataFolder, tmp_path: Path) -> None:
    def result(key: str, **fields: Any) -> TrialResult:
        return TrialResult(key, "finished", 0.5, 0.4, 1, 1, {"image_size": 64, **fields}, None, 1.0, None)

    write_search_sheet(tmp_path, folder, [result("t0000"), result("t0001", augmix_ratio=0.0)])
    assert not list(tmp_path.iterdir())
    write_search_sheet(tmp_path, folder, [result("t0000"), result("t0001", augmix_ratio=0.2, seed=7)])
    expected = sheet(folder, TrialConfig(image_size=64, augmix_ratio=1.0, seed=7))
    with Image.open(tmp_path / "augmix.png") as picture:
        assert np.array_equal(np.asarray(picture), expected)


@pytest.mark.parametrize("name", ["sheet.jpg", "sheet", "nowhere/sheet.png"])
def test_a_file_that_cannot_be_a_png_is_refused(folder: DataFolder, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="must be a file name ending in .png in a folder that exists"):
        write_augmix_sheet(folder, tmp_path / name, ())


@pytest.mark.parametrize("name", ["sheet.jpg", "nowhere/sheet.png", "other.png", "link.png", "DATA/sheet.png"])
def test_a_place_for_the_picture_that_will_not_do_is_refused_before_any_photo_is_read(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    data = write_folder(tmp_path / "DATA", {"train": [(64, 64)], "val": [(64, 64)], "test": [(64, 64)]})
    Image.new("L", (8, 8)).save(tmp_path / "other.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    before = files_of(tmp_path)
    monkeypatch.setattr("experiments.verbs.data_check.print_check", None)
    told = refused(capsys, "check", str(data), "--show-augmix", str(tmp_path / name))
    assert name in told and files_of(tmp_path) == before


def test_only_an_older_sheet_gives_way_to_a_new_one(folder: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    write_augmix_sheet(folder, path, ("image_size=64",))
    first = path.read_bytes()
    write_augmix_sheet(folder, path, ("image_size=64", "seed=1"))
    assert path.read_bytes() != first
    Image.new("L", (8, 8)).save(path)
    with pytest.raises(BadInput, match="is there already, but is no sheet of `check`. Name another one or remove it"):
        write_augmix_sheet(folder, path, ("image_size=64",))


def test_an_unknown_class_is_refused_before_anything_is_written(folder: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="lists `papper`.*: paper, metal. Did you mean `paper`"):
        write_augmix_sheet(folder, tmp_path / "a.png", ("image_size=64", "augmix_classes=papper"))
    assert not list(tmp_path.iterdir())


def test_hyperparameters_without_a_picture_are_refused(folder: DataFolder, capsys: Capture) -> None:
    assert run_search.main(["check", folder.path, "--set", "image_size=64"]) == 2
    assert "Give that too" in capsys.readouterr().err
