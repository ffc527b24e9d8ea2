"""Every photo gets one label map, in any order of interruption, and none is dropped."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny import tiny_config, write_folder, write_photo
from trashseg_core.checkpoint import Confusions, write_weights
from trashseg_core.data.photos import read_photo
from trashseg_core.data.resize import fit_photo
from trashseg_core.ensemble.bundle import Ensemble, Member, read_ensemble, write_ensemble
from trashseg_core.ensemble.loading import load_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.inference import ensemble_predict
from trashseg_core.inference.crf import dense_crf
from trashseg_core.inference.crf_settings import CrfSettings
from trashseg_core.inference.ensemble_predict import predict_photos
from trashseg_core.inference.predict import predict_logits, to_native
from trashseg_core.inference.predict_files import predict_files
from trashseg_core.models import build_model

HALF = [0.5, 0.5, 0.5]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of one small network with random weights."""
    root = tmp_path_factory.mktemp("bundle")
    torch.manual_seed(0)
    (root / "checkpoint").mkdir()
    write_weights(root / "checkpoint", tiny_config(), build_model(tiny_config(), 3).model)
    member = Member("t0000", 1.0, 64, HALF, HALF)
    names = ["Background", "paper", "metal"]
    ensemble = Ensemble([member], names, {"1": 1, "2": 2}, 0.5, 0.5, [], {})
    scored = Confusions(np.zeros((1, 3, 3), np.int64), ["a.jpg"], names)
    write_ensemble(root / "ensemble", ensemble, {"t0000": root / "checkpoint"}, scored)
    return root / "ensemble"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with photos of several sizes and suffixes, one in a subfolder, and a text."""
    folder = tmp_path / "photos"
    for number, (height, width) in enumerate([(30, 40), (40, 30), (64, 64)]):
        write_photo(folder / f"{number}.png", height, width, seed=number)
    write_photo(folder / "sub" / "deep.PNG", 20, 50, seed=9)
    (folder / "notes.txt").write_text("no photo")
    return folder


def maps(out: Path) -> dict[str, tuple[int, ...]]:
    """Shape of every label map by name."""
    return {str(path.relative_to(out)): np.asarray(Image.open(path)).shape for path in sorted(out.rglob("*.png"))}


SHAPES = {"0.png": (30, 40), "1.png": (40, 30), "2.png": (64, 64), "sub/deep.png": (20, 50)}


def test_every_photo_of_a_folder_gets_a_map_of_its_own_size(bundle: Path, photos: Path, tmp_path: Path) -> None:
    assert predict_files(bundle, photos, tmp_path / "out") == 4
    assert maps(tmp_path / "out") == SHAPES


def test_a_map_holds_the_labels_that_the_ensemble_predicts(bundle: Path, photos: Path, tmp_path: Path) -> None:
    predict_files(bundle, photos / "0.png", tmp_path / "out")
    loaded = load_ensemble(bundle, read_ensemble(bundle))
    expected = next(predict_photos(loaded, [(photos / "0.png", None)])).labels
    written = np.asarray(Image.open(tmp_path / "out" / "0.png"))
    assert written.dtype == np.uint8 and np.array_equal(written, expected)


def test_all_that_the_bundle_says_of_the_decision_is_done(bundle: Path, photos: Path, tmp_path: Path) -> None:
    ensemble = read_ensemble(bundle)
    whole = replace(ensemble, class_offsets=[0.0, 0.4, -0.2], crf={"iterations": 3})
    whole = replace(whole, members=[replace(ensemble.members[0], tta="flips", class_weights=[1.0, 1.0, 1.0])])
    write_ensemble(tmp_path / "whole", whole, {"t0000": bundle / "members" / "t0000"})
    predict_files(tmp_path / "whole", photos / "0.png", tmp_path / "out", probabilities=True)
    network, config, _ = load_ensemble(bundle, ensemble).members[0]
    rgb = read_photo(photos / "0.png")
    logits = predict_logits(network, config, fit_photo(rgb, 64)[None], "flips")[0]
    mean = to_native(logits, (48, 64), (30, 40)).softmax(dim=0) * torch.tensor([0.0, 0.4, -0.2]).exp()[:, None, None]
    expected = dense_crf(rgb, (mean / mean.sum(dim=0)).numpy(), CrfSettings(iterations=3))
    np.testing.assert_allclose(np.load(tmp_path / "out" / "0.probabilities.npy"), expected, atol=2e-3)


def test_the_names_of_the_labels_lie_beside_the_maps(bundle: Path, photos: Path, tmp_path: Path) -> None:
    predict_files(bundle, photos, tmp_path / "out")
    table = json.loads((tmp_path / "out" / "classes.json").read_text())
    assert table == {"0": "Background", "1": "paper", "2": "metal"}


def test_a_single_photo_gets_its_map(bundle: Path, photos: Path, tmp_path: Path) -> None:
    assert predict_files(bundle, photos / "1.png", tmp_path / "out") == 1
    assert maps(tmp_path / "out") == {"1.png": (40, 30)}


def test_every_photo_of_a_coco_file_gets_its_map(bundle: Path, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", {"test": [(30, 40)] * 5})
    assert predict_files(bundle, data / "test.json", tmp_path / "out") == 5
    assert maps(tmp_path / "out") == {f"test/{number}.png": (30, 40) for number in range(5)}


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5])
def test_no_photo_is_dropped_whatever_the_batch(
    bundle: Path, photos: Path, tmp_path: Path, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensemble_predict, "BATCH", batch)
    predict_files(bundle, photos, tmp_path / "out")
    assert maps(tmp_path / "out") == SHAPES


def test_a_second_run_has_nothing_to_do(bundle: Path, photos: Path, tmp_path: Path) -> None:
    predict_files(bundle, photos, tmp_path / "out")
    assert predict_files(bundle, photos, tmp_path / "out") == 0


def test_an_interrupted_run_goes_on_with_the_photos_that_are_left(bundle: Path, photos: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_files(bundle, photos, tmp_path / "out", progress=interrupt)
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    assert len(first) == 2
    assert predict_files(bundle, photos, tmp_path / "out") == 2
    assert maps(tmp_path / "out") == SHAPES
    assert {path: path.stat().st_mtime_ns for path in first} == first


def test_an_output_folder_among_the_photos_is_not_predicted_itself(bundle: Path, photos: Path) -> None:
    assert predict_files(bundle, photos, photos / "out") == 4
    assert predict_files(bundle, photos, photos / "out") == 0


def other_ensemble(bundle: Path, folder: Path) -> Path:
    """The same model with other class offsets."""
    ensemble = replace(read_ensemble(bundle), class_offsets=[0.0, 0.4, -0.2])
    scored = Confusions(np.zeros((1, 3, 3), np.int64), ["a.jpg"], ensemble.class_names)
    write_ensemble(folder, ensemble, {"t0000": bundle / "members" / "t0000"}, scored)
    return folder


def test_label_maps_of_another_ensemble_are_not_taken_for_done(bundle: Path, photos: Path, tmp_path: Path) -> None:
    predict_files(bundle, photos, tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    with pytest.raises(BadInput, match="0.png: no label map, or one of another ensemble.* Give another `--out`"):
        predict_files(other_ensemble(bundle, tmp_path / "other"), photos, tmp_path / "out")
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")} == before


def test_a_photo_that_has_changed_is_predicted_again(bundle: Path, photos: Path, tmp_path: Path) -> None:
    predict_files(bundle, photos, tmp_path / "out")
    write_photo(photos / "1.png", 25, 35, seed=77)
    assert predict_files(bundle, photos, tmp_path / "out") == 1
    assert maps(tmp_path / "out") == {**SHAPES, "1.png": (25, 35)}


@pytest.mark.parametrize("name", ["0.png", "classes.json"])
def test_a_file_that_is_not_ours_is_left_as_it_is(bundle: Path, photos: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text('{"0": "mine"}')
    with pytest.raises(BadInput, match=f"{name}: .* Give another `--out`, or remove what lies there"):
        predict_files(bundle, photos, tmp_path / "out")
    assert (tmp_path / "out" / name).read_text() == '{"0": "mine"}'
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


def test_a_fifo_in_the_place_of_a_label_map_is_refused_instead_of_waited_for(
    bundle: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / "0.png")
    with pytest.raises(BadInput, match="0.png: no label map"):
        predict_files(bundle, photos, tmp_path / "out")


def test_label_maps_may_lie_above_the_photos(bundle: Path, photos: Path) -> None:
    assert predict_files(bundle, photos, photos.parent) == 4


def test_progress_counts_every_photo_in_order(bundle: Path, photos: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    predict_files(bundle, photos, tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_overlays_lie_beside_the_maps(bundle: Path, photos: Path, tmp_path: Path) -> None:
    predict_files(bundle, photos, tmp_path / "out", overlays=True)
    overlays = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.jpg"))
    assert overlays == ["0.overlay.jpg", "1.overlay.jpg", "2.overlay.jpg", "sub/deep.overlay.jpg"]


def test_probabilities_lie_beside_the_maps_that_follow_from_them(bundle: Path, photos: Path, tmp_path: Path) -> None:
    predict_files(bundle, photos, tmp_path / "out", probabilities=True)
    for name, (height, width) in SHAPES.items():
        labels = np.asarray(Image.open(tmp_path / "out" / name))
        kept = np.load((tmp_path / "out" / name).with_suffix(".probabilities.npy")).astype(np.float32)
        assert kept.shape == (3, height, width)
        np.testing.assert_allclose(kept.sum(axis=0), 1, atol=2e-3)
        assert np.all(np.take_along_axis(kept, labels[None].astype(int), axis=0)[0] == kept.max(axis=0))


@pytest.mark.parametrize("wanted", [{"overlays": True}, {"probabilities": True}])
def test_what_is_asked_for_later_is_made_later(bundle: Path, photos: Path, tmp_path: Path, wanted: Any) -> None:
    predict_files(bundle, photos, tmp_path / "out")
    assert predict_files(bundle, photos, tmp_path / "out", **wanted) == 4
    assert predict_files(bundle, photos, tmp_path / "out", **wanted) == 0


def test_no_half_written_file_is_left(bundle: Path, photos: Path, tmp_path: Path) -> None:
    predict_files(bundle, photos, tmp_path / "out", overlays=True, probabilities=True)
    assert not list((tmp_path / "out").rglob(".*"))


def test_a_coco_photo_is_turned_as_its_annotations_know_it(bundle: Path, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", {"test": [(30, 40)]})
    exif = Image.Exif()
    exif[0x0112] = 6  # shown upright, the photo would be 40 px high
    Image.open(data / "test/0.png").save(data / "test/0.png", exif=exif)
    predict_files(bundle, data / "test.json", tmp_path / "out")
    assert maps(tmp_path / "out") == {"test/0.png": (30, 40)}


@pytest.mark.parametrize("images", ["photos", "photos/0.png"])
def test_photos_are_never_written_over(bundle: Path, photos: Path, images: str) -> None:
    with pytest.raises(BadInput, match="`--out .*photos` would write over the photos. Give another folder"):
        predict_files(bundle, photos.parent / images, photos)


def test_a_damaged_photo_is_refused_by_its_name(bundle: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "2.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match="2.png: cannot be decoded"):
        predict_files(bundle, photos, tmp_path / "out")
