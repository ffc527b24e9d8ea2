"""Pseudo-labels are what an ensemble is sure of, on photos that nobody labelled."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.test_ensemble import NAMES, checkpoint, make
from tests.tiny import tiny_config, write_folder, write_photo
from trashseg_core.data.cache import open_split
from trashseg_core.data.dataset import open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.bundle import Ensemble, write_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.pseudo import labelling
from trashseg_core.pseudo.labelling import Wish, check_same, label_photos
from trashseg_core.pseudo.thresholds import NEVER, choose_balanced, class_thresholds, trusted
from trashseg_core.training.loader import TrainLoader
from trashseg_core.training.photo_draw import PhotoDraw


def test_a_threshold_is_the_least_probability_above_which_a_class_is_right_often_enough() -> None:
    truth = np.array([[0, 0, 1, 1, 1, 0, 255]], np.uint8)
    labels = np.array([[0, 0, 1, 1, 1, 1, 1]], np.uint8)
    confidence = np.array([[0.6, 0.7, 0.95, 0.9, 0.5, 0.8, 0.99]])
    found = class_thresholds([(truth, labels, confidence)], 3, precision=0.9)
    assert found[0] <= 0.6
    assert 0.8 < found[1] <= 0.9
    assert found[2] == NEVER


def test_a_lower_precision_trusts_more() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random((40, 40))
    labels = np.ones((40, 40), np.uint8)
    truth = (rng.random((40, 40)) < confidence).astype(np.uint8)
    strict, lax = (class_thresholds([(truth, labels, confidence)], 2, precision)[1] for precision in (0.9, 0.7))
    assert lax < strict < 0.95


def test_what_is_not_trusted_is_ignored() -> None:
    labels, confidence = np.array([[0, 1, 1]], np.uint8), np.array([[0.5, 0.8, 0.6]])
    assert trusted(labels, confidence, np.array([0.9, 0.7])).tolist() == [[255, 1, 255]]


def test_classes_have_their_turn_the_rarest_first() -> None:
    pixels = np.zeros((6, 3), np.int64)
    pixels[:, 0] = 50
    pixels[:5, 1] = [5, 40, 30, 20, 10]
    pixels[3, 2] = 7
    assert choose_balanced(pixels, 1) == [3]
    assert choose_balanced(pixels, 2) == [1, 3]
    assert choose_balanced(pixels, 99) == [0, 1, 2, 3, 4]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """A data folder, with a folder of photos without labels beside it."""
    root = write_folder(tmp_path_factory.mktemp("pseudo"), {"train": [(64, 64)] * 4, "val": [(64, 64)] * 3})
    for number in range(3):
        write_photo(root / "new" / f"{number}.png", 64, 48, seed=77 + number)
    (root / "new" / "sub").mkdir()
    (root / "new" / "sub" / "copy_of_val.png").write_bytes((root / "val" / "1.png").read_bytes())
    return DataFolder(str(root))


@pytest.fixture(scope="module")
def ensemble(data: DataFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ensemble")
    checkpoints = {name: checkpoint(root / name, seed) for seed, name in enumerate(("t0000", "t0001"))}
    write_ensemble(root / "ensemble", make(("t0000", 0.5), ("t0001", 0.5)), checkpoints)
    return root / "ensemble"


@pytest.fixture(scope="module")
def labelled(data: DataFolder, ensemble: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("labelled") / "pseudo"
    done = label_photos(Wish(ensemble, Path(data.path) / "new", 10, 0.01), data, out)
    assert done is not None and (done.num_photos, done.num_known) == (4, 1)
    return out


def test_photos_that_cannot_be_decoded_are_passed_over_with_skip_bad(
    data: DataFolder, ensemble: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(data.path, tmp_path / "data"))
    for name in ("train/0.png", "val/0.png"):
        (root / name).write_bytes(b"no picture")
    tolerant = DataFolder(str(root), skip_bad=True)
    done = label_photos(Wish(ensemble, root / "new", 10, 0.01), tolerant, tmp_path / "pseudo")
    assert done is not None and done.num_photos == 4


def test_photos_behind_links_are_labelled_where_the_data_may_have_links(
    data: DataFolder, ensemble: Path, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.png").symlink_to(Path(data.path) / "new" / "0.png")
    document = json.loads((Path(data.path) / "train.json").read_text())
    image = {"id": 1, "file_name": "a.png", "height": 64, "width": 48}
    (tmp_path / "new" / "test.json").write_text(json.dumps({**document, "images": [image], "annotations": []}))
    wish = Wish(ensemble, tmp_path / "new" / "test.json", 10, 0.01)
    with pytest.raises(BadInput, match="Add `--follow-links`"):
        label_photos(wish, data, tmp_path / "out")
    assert label_photos(wish, replace(data, follow_links=True), tmp_path / "out") is not None


def test_val_is_not_among_the_photos_even_as_a_copy_in_another_folder(labelled: Path) -> None:
    document = json.loads((labelled / "train.json").read_text())
    listed = {entry["file_name"] for entry in document["images"]}
    assert listed and listed <= {"photos/0.png", "photos/1.png", "photos/2.png"}
    assert {str(path.relative_to(labelled)) for path in labelled.rglob("photos/**/*.png")} == listed


def test_the_file_says_that_its_labels_are_no_truth(labelled: Path) -> None:
    info = json.loads((labelled / "train.json").read_text())["info"]
    assert info["pseudo_labels"] is True
    assert info["search"] == "first" and set(info["thresholds"]) == set(NAMES)


def test_labels_that_were_asked_for_otherwise_are_not_taken_silently(
    data: DataFolder, ensemble: Path, labelled: Path
) -> None:
    new = Path(data.path) / "new"
    assert label_photos(Wish(ensemble, new, 10, 0.01), data, labelled) is None
    with pytest.raises(BadInput, match="labelled with another `precision`, 0.01, than 0.9"):
        check_same(labelled, Wish(ensemble, new, 10, 0.9))
    with pytest.raises(BadInput, match="labelled with another `images`"):
        check_same(labelled, Wish(ensemble, new / "sub", 10, 0.01))


def test_the_folder_reads_back_as_what_the_ensemble_was_sure_of(labelled: Path) -> None:
    import cv2

    split = open_split(DataFolder(str(labelled)), "train", 64)
    for number, name in enumerate(split.file_names):
        sure = cv2.imread(str(labelled / name.replace("photos", "labels")), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(split.truth(number), sure)


def test_an_ensemble_that_is_never_right_enough_labels_nothing(
    data: DataFolder, ensemble: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="sure of no object on any new photo. Lower `--precision`"):
        label_photos(Wish(ensemble, Path(data.path) / "new", 10, 0.9999), data, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_with_folds_only_models_that_never_saw_val_label_photos(
    data: DataFolder, ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the others learned from val would come back to val through their labels."""
    folded = tmp_path / "ensemble"
    shutil.copytree(ensemble, folded)
    document = json.loads((folded / "ensemble.json").read_text())
    document["members"][1]["fold"] = 1
    (folded / "ensemble.json").write_text(json.dumps(document))
    used: list[Ensemble] = []
    load = labelling.load_ensemble
    monkeypatch.setattr(labelling, "load_ensemble", lambda place, one: used.append(one) or load(place, one))
    label_photos(Wish(folded, Path(data.path) / "new", 10, 0.01), data, tmp_path / "out")
    assert [[member.trial_id for member in one.members] for one in used] == [["t0000"]] * 2
    assert json.loads((tmp_path / "out" / "train.json").read_text())["info"]["members"] == ["t0000"]


def test_pseudo_labelled_photos_take_the_place_of_the_wanted_share(data: DataFolder, labelled: Path) -> None:
    config = tiny_config(pseudo_ratio=0.3)
    opened = open_data(replace(data, pseudo_dir=str(labelled)), config)
    assert opened.pseudo is not None
    drawn = PhotoDraw(config, opened.train, len(opened.pseudo)).epoch(1, 4000)
    assert drawn.max() < len(opened.train) + len(opened.pseudo)
    assert (drawn >= len(opened.train)).mean() == pytest.approx(0.3, abs=0.03)
    plain = PhotoDraw(tiny_config(), opened.train).epoch(1, 4000)
    assert np.array_equal(drawn[drawn < len(opened.train)], plain[drawn < len(opened.train)])


def test_a_sample_of_a_pseudo_labelled_photo_shows_it_with_its_labels(data: DataFolder, labelled: Path) -> None:
    config = tiny_config(pseudo_ratio=0.5, augment="none")
    opened = open_data(replace(data, pseudo_dir=str(labelled)), config)
    assert opened.pseudo is not None
    sample = TrainLoader(config, opened).sample(len(opened.train), 1, 0)
    assert np.array_equal(sample.image, opened.pseudo.images[0])
    assert np.array_equal(sample.labels, opened.pseudo.labels[0])


def test_a_ratio_without_photos_is_refused(data: DataFolder) -> None:
    with pytest.raises(BadInput, match="no pseudo-labelled photos. Name them by `--pseudo`"):
        open_data(data, tiny_config(pseudo_ratio=0.2))
