"""Panels show the photos that say most, and predict no others."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.pictures.panels import _count_all, choose_photos, write_panels
from tests.tiny import tiny_config, tiny_network, tiny_shapes, write_folder
from trashseg_core import checkpoint, weights_file
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.bundle import Ensemble, Member, read_ensemble, write_ensemble
from trashseg_core.ensemble.loading import load_ensemble
from trashseg_core.errors import BadInput

NAMES = ["Background", "paper", "metal"]


def matrices(scores: list[float], labels: list[int]) -> np.ndarray:
    """Matrices of photos of 1000 pixels: half background, half of one class, of which a share is found."""
    result = np.zeros((len(scores), 3, 3), np.int64)
    for matrix, score, label in zip(result, scores, labels, strict=True):
        found = round(500 * score)
        matrix[0, 0], matrix[label, label] = 500, found
        matrix[label, 0] += 500 - found
    return result


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    return DataFolder(str(write_folder(tmp_path / "data", {"val": [(30, 40), (20, 50), (40, 40), (16, 64)]})))


@pytest.fixture
def ensemble_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checkpoint, "build_model", tiny_network)
    monkeypatch.setattr(weights_file, "weight_shapes", tiny_shapes)
    config = tiny_config(image_size=32)
    (tmp_path / "t0000").mkdir()
    checkpoint.write_weights(tmp_path / "t0000", config, tiny_network(config, 3).model)
    ensemble = Ensemble([Member("t0000", 1.0, 32, [0.5] * 3, [0.5] * 3)], NAMES, {"1": 1, "2": 2}, 0.5, 0.4, [], {})
    scored = checkpoint.Confusions(np.zeros((1, 3, 3), np.int64), ["a.png"], NAMES)
    write_ensemble(tmp_path / "ensemble", ensemble, {"t0000": tmp_path / "t0000"}, scored)
    return tmp_path / "ensemble"


def test_worst_rare_and_best_photos_are_chosen() -> None:
    scores, labels = [0.9, 0.1, 0.8, 0.2, 0.3, 0.5, 0.6, 0.7, 0.4], [1, 1, 1, 1, 1, 2, 1, 1, 1]
    chosen = choose_photos(matrices(scores, labels), NAMES, 3)
    assert chosen == {1: "worst for paper", 5: "rare class: metal", 0: "the best"}


def test_the_photo_that_costs_a_class_most_is_among_the_worst() -> None:
    scores, labels = [0.1, 0.2, 0.95, 0.5, 0.5, 0.9], [1, 1, 2, 2, 2, 1]
    confusions = matrices(scores, labels)
    confusions[4] *= 3  # the same mIoU as photo 3, but three times the pixels lost
    assert choose_photos(confusions, NAMES, 5)[4] == "worst for metal"


def test_exactly_as_many_photos_are_chosen_as_asked_for() -> None:
    rng = np.random.default_rng(0)
    confusions = matrices(rng.random(40).tolist(), [1 if number < 38 else 2 for number in range(40)])
    assert [len(choose_photos(confusions, NAMES, count)) for count in (1, 2, 5, 6, 12, 40, 99)] == [
        1,
        2,
        5,
        6,
        12,
        40,
        40,
    ]


def test_one_photo_alone_is_the_worst() -> None:
    assert choose_photos(matrices([0.9, 0.1, 0.8], [1, 1, 1]), NAMES, 1) == {1: "worst for paper"}


def test_the_best_photo_has_objects() -> None:
    confusions = matrices([0.5, 0.4, 0.3], [1, 1, 1])
    confusions[2] = 0
    confusions[2, 0, 0] = 1000  # background only, all right: a perfect score that says nothing
    assert choose_photos(confusions, NAMES, 2) == {1: "worst for paper", 0: "the best"}


def test_photos_without_a_pixel_that_counts_are_never_chosen() -> None:
    confusions = matrices([0.5, 0.4], [1, 1])
    confusions[0] = 0
    assert list(choose_photos(confusions, NAMES, 6)) == [1]


def test_panels_are_pictures_named_by_number_and_photo(data: DataFolder, ensemble_dir: Path, tmp_path: Path) -> None:
    paths = write_panels(ensemble_dir, data, tmp_path / "overlays", count=3)
    assert [path.name[:3] for path in paths] == ["01_", "02_", "03_"]
    assert sorted(paths) == sorted((tmp_path / "overlays").iterdir())
    assert {Image.open(path).size[0] for path in paths} == {1330}


def test_only_the_chosen_photos_are_read_when_the_matrices_are_known(
    data: DataFolder, ensemble_dir: Path, tmp_path: Path
) -> None:
    confusions = matrices([0.9, 0.1, 0.5, 0.6], [1, 1, 1, 1])
    for number in (2, 3):
        (Path(data.path) / f"val/{number}.png").write_bytes(b"no picture")
    paths = write_panels(ensemble_dir, data, tmp_path / "overlays", 2, confusions)
    assert [path.name for path in paths] == ["01_1.png", "02_0.png"]


def test_the_same_panels_come_out_with_and_without_known_matrices(
    data: DataFolder, ensemble_dir: Path, tmp_path: Path
) -> None:
    ensemble, split = read_ensemble(ensemble_dir), data.read("val")
    counted = _count_all(load_ensemble(ensemble_dir, ensemble), data, split, data.labels(split)[0], 3)
    known = write_panels(ensemble_dir, data, tmp_path / "known", 3, counted)
    found = write_panels(ensemble_dir, data, tmp_path / "found", 3)
    assert [path.read_bytes() for path in known] == [path.read_bytes() for path in found]


def test_photos_that_cannot_be_read_are_passed_over_with_skip_bad(
    data: DataFolder, ensemble_dir: Path, tmp_path: Path
) -> None:
    (Path(data.path) / "val/1.png").write_bytes(b"no picture")
    tolerant = DataFolder(data.path, skip_bad=True)
    assert len(write_panels(ensemble_dir, tolerant, tmp_path / "overlays")) == 3
    with pytest.raises(BadInput, match="cannot be decoded"):
        write_panels(ensemble_dir, data, tmp_path / "overlays")


def test_matrices_of_the_photos_that_a_search_with_skip_bad_used_are_enough(
    data: DataFolder, ensemble_dir: Path, tmp_path: Path
) -> None:
    (Path(data.path) / "val/1.png").write_bytes(b"no picture")
    tolerant = DataFolder(data.path, skip_bad=True)
    assert len(write_panels(ensemble_dir, tolerant, tmp_path / "overlays", confusions=np.ones((3, 3, 3), int))) == 3


def test_file_names_of_panels_hold_safe_characters_only(data: DataFolder, ensemble_dir: Path, tmp_path: Path) -> None:
    val = Path(data.path) / "val.json"
    document = json.loads(val.read_text())
    document["images"][0]["file_name"] = "val/śmieci <b> $(x).png"
    (Path(data.path) / "val/0.png").rename(Path(data.path) / document["images"][0]["file_name"])
    val.write_text(json.dumps(document))
    names = {path.name[3:] for path in write_panels(ensemble_dir, data, tmp_path / "overlays")}
    assert names == {"mieci_b_x.png", "1.png", "2.png", "3.png"}


def test_data_with_other_classes_is_refused(data: DataFolder, ensemble_dir: Path, tmp_path: Path) -> None:
    val = Path(data.path) / "val.json"
    val.write_text(val.read_text().replace('"metal"', '"glass"'))
    with pytest.raises(
        BadInput, match="knows the classes Background, paper, metal, but .* has Background, paper, glass"
    ):
        write_panels(ensemble_dir, data, tmp_path / "overlays")
    assert not (tmp_path / "overlays").exists()
