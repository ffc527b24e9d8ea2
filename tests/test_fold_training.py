"""Every labelled photo is in one fold, and is predicted by models that never saw it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.ensembling import build_ensemble
from experiments.folds.fold_files import FoldFiles, deal_folds, fold_files
from experiments.folds.fold_models import fold_models
from experiments.folds.fold_search import RESULTS, fold_name, own_settings, source_of
from experiments.folds.training import enlist
from experiments.journal import Journal
from experiments.limits import Limits
from experiments.pictures.panels import write_panels
from experiments.results import TrialResult, write_results
from experiments.search import is_last
from experiments.settings import SearchSettings
from tests.test_ensemble import checkpoint
from tests.test_near_duplicates import generated
from tests.tiny import tiny_config, write_folder
from trashseg_core.checkpoint import read_confusions, read_network
from trashseg_core.confusion import count_confusion
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.bundle import held_out_from_val, read_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.inference.predict import argmax_labels, predict_logits, to_native

SIZES = {"train": [(64, 64)] * 11 + [(40, 64)] * 2, "val": [(64, 64)] * 3}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """13 train and 3 val photos; train/3 and train/7 are copies, and train/5 is one of val/1."""
    root = write_folder(tmp_path_factory.mktemp("data"), SIZES)
    looks = {"train/3": 0, "train/7": 0, "train/5": 1, "val/1": 1}
    photos = generated(2)
    for name, look in looks.items():
        import cv2

        small = cv2.resize(photos[look], (64, 64), interpolation=cv2.INTER_AREA)
        level = 9 if name.startswith("val") else 1  # a file with the same bytes would be refused as a leak
        cv2.imwrite(str(root / f"{name}.png"), small, [cv2.IMWRITE_PNG_COMPRESSION, level])
    return DataFolder(str(root))


@pytest.fixture(scope="module")
def files(data: DataFolder, tmp_path_factory: pytest.TempPathFactory) -> FoldFiles:
    files = FoldFiles(tmp_path_factory.mktemp("folds"), data, 4)
    deal_folds(files, 64, seed=0)
    return files


def names(folder: DataFolder, split: str) -> list[str]:
    return [photo.file_name for photo in folder.read(split).photos]


def test_the_pooled_photos_are_all_labelled_ones_once_fold_after_fold(files: FoldFiles, data: DataFolder) -> None:
    pooled = names(files.pooled, "val")
    assert sorted(pooled) == sorted(names(data, "train") + names(data, "val"))
    folds = [names(files.data_of(fold), "val") for fold in range(4)]
    assert [name for fold in folds for name in fold] == pooled
    assert files.stops == np.cumsum([len(fold) for fold in folds]).tolist()


def test_the_first_fold_is_the_search_s_own_val(files: FoldFiles, data: DataFolder) -> None:
    assert files.data_of(0) == data


def test_a_fold_s_models_train_on_all_photos_but_its_own_and_their_copies(files: FoldFiles, data: DataFolder) -> None:
    everything = set(names(files.pooled, "val"))
    for fold in range(1, 4):
        own = set(names(files.data_of(fold), "val"))
        copies = {"val/1.png"} if "train/5.png" in own else set()
        assert set(names(files.data_of(fold), "train")) == everything - own - copies
        assert ("train/3.png" in own) == ("train/7.png" in own)


def test_photos_keep_what_was_painted_on_them(files: FoldFiles, data: DataFolder) -> None:
    pooled, train = open_split(files.pooled, "val", 64), open_split(data, "train", 64)
    assert pooled.class_names == train.class_names
    for number, name in enumerate(train.file_names):
        assert np.array_equal(pooled.truth(pooled.file_names.index(name)), train.truth(number))


def test_folds_dealt_once_stay_as_they_are(files: FoldFiles) -> None:
    path = files.folder / "dealt" / "pooled.json"
    before = path.read_bytes()
    deal_folds(files, 64, seed=5)
    assert path.read_bytes() == before


def test_fewer_scenes_than_folds_are_refused(tmp_path: Path) -> None:
    folder = DataFolder(str(write_folder(tmp_path / "data", {"train": [(30, 40)] * 2, "val": [(30, 40)]})))
    with pytest.raises(BadInput, match="`--folds 9`: 2 photos in 2 groups.*cannot fill 8 splits.*Val is the first"):
        deal_folds(FoldFiles(tmp_path / "folds", folder, 9), 64, 0)


def result(name: str, place: str | None, **config: object) -> TrialResult:
    return TrialResult(name, "finished", 0.5, 0.4, 2, 3, {**tiny_config().to_dict(), **config}, place, 1.0, None)


def test_what_is_enlisted_already_is_not_trained_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    enlist(journal, [result("t0004", "x")], 3)
    enlist(journal, [result("t0002", "x"), result("t0004", "x")], 3)
    configs = [record.config for record in journal.trials.values()]
    assert [(one["source"], one["fold"]) for one in configs] == [("t0004", 1), ("t0004", 2), ("t0002", 1), ("t0002", 2)]
    assert {one["last_epoch"] for one in configs} == {3}
    assert list(journal.trials) == ["t0004-fold1", "t0004-fold2", "t0002-fold1", "t0002-fold2"]


@pytest.mark.parametrize("name", ["t0004", "soup of t0001, t0002"])
def test_a_model_s_trial_is_known_from_its_name(name: str) -> None:
    assert source_of(fold_name(name, 2)) == source_of(fold_name(name, 0)) == name


def test_a_trial_ends_with_the_last_epoch_that_its_params_name() -> None:
    assert not is_last({"epoch": 2, "config": {"last_epoch": 3}}, Limits())
    assert is_last({"epoch": 3, "config": {"last_epoch": 3}}, Limits())
    assert not is_last({"epoch": 99, "config": {}}, Limits())
    assert is_last({"epoch": 1, "parameters_m": 2.0, "config": {}}, Limits(max_parameters_m=1.0))


@pytest.fixture(scope="module")
def settings(data: DataFolder, tmp_path_factory: pytest.TempPathFactory) -> SearchSettings:
    """A run of two trials whose models of all three folds are there, each of other weights."""
    root = tmp_path_factory.mktemp("runs")
    settings = SearchSettings(data.path, "quick", "run", str(root), folds=3, tta="none")
    own = fold_files(settings)
    own.folder.mkdir(parents=True)
    deal_folds(own, 64, 0)
    rows, fold_rows = [], []
    for number, name in enumerate(("t0000", "t0001")):
        checkpoint(settings.folder / "trials" / name, 10 * number)
        rows.append(replace(result(name, f"trials/{name}"), val_miou=0.5 - 0.1 * number))
        for fold in (1, 2):
            place = f"trials/{name}_{fold}"
            checkpoint(own.folder / place, 10 * number + fold)
            fold_rows.append(result(f"{name}_{fold}", place, source=name, fold=fold))
    write_results(settings.folder / "results.json", rows)
    write_results(own.folder / RESULTS, fold_rows)
    return settings


def test_every_photo_is_scored_by_the_model_of_its_own_fold(settings: SearchSettings) -> None:
    build_ensemble(settings.folder, replace(settings, method="single", ensemble_size="native"))
    scored = read_confusions(settings.folder / "ensemble")
    ensemble, files = read_ensemble(settings.folder / "ensemble"), fold_files(settings)
    best = ensemble.members[0].trial_id
    split, start = open_split(files.pooled, "val", 64), 0
    for stop, path in zip(files.stops, fold_models(settings)[best], strict=True):
        config = tiny_config(seed=json.loads((path / "config.json").read_text())["seed"])
        network = read_network(path, config, split.num_classes)
        for index, logits in enumerate(predict_logits(network, config, split.images)):
            if start <= index < stop:
                height, width = (int(side) for side in split.sizes[index])
                native = to_native(logits, split.extent(index), (height, width))
                native += np.reshape(ensemble.offsets(), (-1, 1, 1)).astype(np.float32)
                truth = split.truth(index)
                expected = count_confusion(truth, argmax_labels(native), split.num_classes)
                differing = np.abs(scored.per_image[index] - expected).sum()
                assert differing <= 0.02 * truth.size, f"photo {index}"  # probabilities are kept in steps of 1/255
        start = stop


def test_a_chosen_configuration_enters_with_its_models_at_equal_weights(settings: SearchSettings) -> None:
    ensemble = build_ensemble(settings.folder, replace(settings, method="uniform"))
    by_source: dict[str, list[float]] = {}
    for member in ensemble.members:
        by_source.setdefault(member.trial_id.split("-")[0], []).append(member.weight)
    assert [member.fold for member in ensemble.members] == [0, 1, 2] * len(by_source)
    for weights in by_source.values():
        assert weights == pytest.approx([1 / 3 / len(by_source)] * 3)
    folder = settings.folder / "ensemble" / "members"
    for member in ensemble.members:
        source = fold_models(settings)[member.trial_id.split("-")[0]][member.fold]
        assert (folder / member.trial_id / "model.safetensors").read_bytes() == (
            source / "model.safetensors"
        ).read_bytes()


def test_pictures_of_val_are_drawn_by_models_that_never_saw_it(
    settings: SearchSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble = build_ensemble(settings.folder, replace(settings, method="uniform"))
    blind = held_out_from_val(ensemble)
    assert {member.fold for member in blind.members} == {0}
    assert np.allclose(blind.member_weights().sum(axis=0), 1)
    drawn = []
    import experiments.pictures.panels as panels

    load = panels.load_ensemble
    monkeypatch.setattr(panels, "load_ensemble", lambda path, one: drawn.append(one) or load(path, one))
    write_panels(settings.folder / "ensemble", settings.data_folder, tmp_path / "overlays")
    assert drawn == [blind]


def test_a_configuration_that_lacks_a_fold_is_no_candidate(settings: SearchSettings) -> None:
    files = fold_files(settings)
    rows = json.loads((files.folder / RESULTS).read_text())
    try:
        (files.folder / RESULTS).write_text(json.dumps([row for row in rows if row["trial_id"] != "t0000_2"]))
        assert list(fold_models(settings)) == ["t0001"]
        ensemble = build_ensemble(settings.folder, settings)
        assert ensemble.provenance["candidates"] == ["t0001"]
        (note,) = [row for row in ensemble.evidence if row["name"] == "candidates"]
        assert note["why"] == "t0000 left out: no model of every fold"
    finally:
        (files.folder / RESULTS).write_text(json.dumps(rows))


def test_the_folds_own_search_proposes_and_stops_nothing(settings: SearchSettings) -> None:
    own = own_settings(settings, 7)
    assert own.folder == settings.folder / "folds_3"
    assert (own.trials, own.first_rung, own.num_kept >= 7) == (7, own.epochs, True)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"folds": 1}, "must be 2 or more"),
        ({"folds": 3, "pool": "all-finished"}, "top-k"),
        ({"folds": 3, "pseudo": "x"}, "has learned from them"),
    ],
)
def test_folds_that_cannot_be_are_refused(flags: dict, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        SearchSettings("data", "quick", "run", **flags)
