"""The generated data set keeps the data folder's contract."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from trashseg_core.data import sample_data
from trashseg_core.data.coco import read_split
from trashseg_core.data.sample_data import RAREST_FIRST, SHARES, plan_photos, write_sample_data
from trashseg_core.data.sample_photos import polygon_area

SIZE = 64
ANNOTATED = ("train", "val")


def load(folder: Path, split: str) -> Any:
    return json.loads((folder / f"{split}.json").read_text(encoding="utf-8"))


def mask_of(annotation: dict[str, Any]) -> np.ndarray:
    """Rasterise an annotation as pycocotools does, uint8 (SIZE, SIZE)."""
    encoded = coco_mask.frPyObjects(annotation["segmentation"], SIZE, SIZE)
    return np.asarray(coco_mask.decode(coco_mask.merge(encoded) if isinstance(encoded, list) else encoded))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "new" / "data"
    assert write_sample_data(folder, 60, SIZE) == {"train": 40, "val": 10, "test": 10}
    return folder


def test_every_photo_on_disk_is_listed_once_and_no_other_file_is_left(data: Path) -> None:
    listed = [image["file_name"] for split in sample_data.SPLITS for image in load(data, split)["images"]]
    assert sorted([*listed, "train.json", "val.json", "test.json"]) == sorted(bytes_of(data))
    assert {"batch_01_vt/0001.jpg", "batch_02_vt/0001.jpg", "batch_03/0020.jpg"} <= set(listed)


def test_photos_have_the_size_that_the_file_states(data: Path) -> None:
    for split in sample_data.SPLITS:
        for image in load(data, split)["images"]:
            photo = cv2.imread(str(data / image["file_name"]))
            assert photo is not None, image
            assert photo.shape == (image["height"], image["width"], 3) == (SIZE, SIZE, 3)


def test_every_batch_folder_mixes_all_splits(data: Path) -> None:
    for split in sample_data.SPLITS:
        folders = {image["file_name"].split("/")[0] for image in load(data, split)["images"]}
        assert folders == {"batch_01_vt", "batch_02_vt", "batch_03"}, split


@pytest.mark.parametrize("split", ANNOTATED)
def test_ids_restart_at_zero_in_each_file(data: Path, split: str) -> None:
    document = load(data, split)
    for key in ("images", "annotations"):
        assert [entry["id"] for entry in document[key]] == list(range(len(document[key])))


@pytest.mark.parametrize("split", sample_data.SPLITS)
def test_the_category_table_is_the_competition_s_in_every_split(data: Path, split: str) -> None:
    names = ["General trash", "Paper", "Paper pack", "Metal", "Glass"]
    names += ["Plastic", "Styrofoam", "Plastic bag", "Battery", "Clothing"]
    table = {category["id"]: category["name"] for category in load(data, split)["categories"]}
    assert table == dict(enumerate(names, start=1))


def test_the_test_split_tells_no_truth(data: Path) -> None:
    assert "annotations" not in load(data, "test")


@pytest.mark.parametrize("split", sample_data.SPLITS)
def test_the_project_s_own_reader_finds_nothing_to_complain_about(data: Path, split: str) -> None:
    assert read_split(data / f"{split}.json", needs_annotations=split != "test").findings == []


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_sample_data(tmp_path / name, 6, SIZE, seed=3)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_another_seed_gives_other_photos_and_other_annotations(tmp_path: Path) -> None:
    for seed in (3, 4):
        write_sample_data(tmp_path / str(seed), 6, SIZE, seed=seed)
    one, two = bytes_of(tmp_path / "3"), bytes_of(tmp_path / "4")
    assert [name for name in one if one[name] == two[name]] == []


def test_another_seed_draws_the_same_plan_differently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_data, "plan_photos", lambda number, rng: plan_photos(number, np.random.default_rng(0)))
    for seed in (3, 4):
        write_sample_data(tmp_path / str(seed), 6, SIZE, seed=seed)
    one, two = bytes_of(tmp_path / "3"), bytes_of(tmp_path / "4")
    assert [name for name in one if name.endswith(".jpg") and one[name] == two[name]] == []


@pytest.mark.parametrize("split", ANNOTATED)
def test_every_class_is_visible_in_the_painted_split(data: Path, split: str) -> None:
    document = load(data, split)
    visible: set[int] = set()
    for image in document["images"]:
        own = [annotation for annotation in document["annotations"] if annotation["image_id"] == image["id"]]
        label_map = np.zeros((SIZE, SIZE), int)
        for annotation in sorted(own, key=lambda annotation: -annotation["area"]):
            label_map[mask_of(annotation) > 0] = annotation["category_id"]
        visible |= set(np.unique(label_map).tolist())
    assert visible >= set(range(1, 11))


@pytest.mark.parametrize("num_images", [9, 10, 15, 33, 60, 240])
def test_every_split_holds_every_class_from_nine_photos_on(num_images: int) -> None:
    for seed in range(5):
        photos = plan_photos(num_images, np.random.default_rng(seed))
        for split in sample_data.SPLITS:
            held = {name for photo in photos if photo.split == split for name in photo.objects}
            assert held >= set(SHARES), (seed, split)


@pytest.mark.parametrize("num_images", [6, 7, 8])
def test_with_fewest_photos_train_holds_every_class_and_val_the_six_rarest(num_images: int) -> None:
    photos = plan_photos(num_images, np.random.default_rng(0))
    by_split = {split: [photo for photo in photos if photo.split == split] for split in sample_data.SPLITS}
    assert {name for photo in by_split["train"] for name in photo.objects} == set(SHARES)
    assert [sorted(photo.objects) for photo in by_split["val"]] == [sorted(RAREST_FIRST[:6])]
    assert RAREST_FIRST[:2] == ["Battery", "Clothing"]


@pytest.mark.parametrize("num_images", [6, 60, 241])
def test_photos_show_one_to_six_objects(num_images: int) -> None:
    for seed in range(20):
        photos = plan_photos(num_images, np.random.default_rng(seed))
        assert len(photos) == num_images
        assert {len(photo.objects) for photo in photos} <= set(range(1, 7)), seed


def test_the_classes_are_long_tailed() -> None:
    counts = Counter(name for photo in plan_photos(240, np.random.default_rng(0)) for name in photo.objects)
    assert [name for name, _ in counts.most_common(2)] == ["Paper", "Plastic bag"]
    assert {name for name, _ in counts.most_common()[-3:]} == {"Clothing", "Battery", sample_data.CROWD}
    assert counts["Paper"] > 12 * counts["Battery"]


@pytest.mark.parametrize("split", ANNOTATED)
def test_area_and_bbox_are_those_of_the_one_polygon(data: Path, split: str) -> None:
    for annotation in load(data, split)["annotations"]:
        if not annotation["iscrowd"]:
            (polygon,) = annotation["segmentation"]
            points = np.reshape(polygon, (-1, 2))
            assert annotation["area"] == pytest.approx(polygon_area(points), abs=0.02)
            assert annotation["bbox"] == pytest.approx([*points.min(axis=0), *np.ptp(points, axis=0)], abs=0.011)


def test_sixty_photos_hold_crowds_as_run_lengths_in_train_only(data: Path) -> None:
    crowds = [annotation for annotation in load(data, "train")["annotations"] if annotation["iscrowd"]]
    assert len(crowds) == 2
    assert not any(annotation["iscrowd"] for annotation in load(data, "val")["annotations"])
    for crowd in crowds:
        assert crowd["segmentation"]["size"] == [SIZE, SIZE]
        assert sum(crowd["segmentation"]["counts"]) == SIZE * SIZE
        rows, columns = np.nonzero(mask_of(crowd))
        left, top, width, height = crowd["bbox"]
        assert [columns.min(), rows.min()] == pytest.approx([left, top], abs=1.5)
        assert [np.ptp(columns), np.ptp(rows)] == pytest.approx([width, height], abs=2.5)


def test_fewer_than_sixty_photos_hold_no_crowd() -> None:
    photos = plan_photos(59, np.random.default_rng(0))
    assert not any(sample_data.CROWD in photo.objects for photo in photos)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_images": 5}, r"`--images` is 5, but must be at least 6\. Raise it"),
        ({"num_images": 100_001}, r"`--images` is 100001, but must be at most 100000\. Lower it"),
        ({"image_size": 63}, r"image_size is 63, but must be at least 64\. Raise it"),
        ({"seed": -1}, r"`--seed` is -1, but must be at least 0\. Raise it"),
    ],
)
def test_a_value_out_of_range_is_refused_before_anything_is_written(
    tmp_path: Path, arguments: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_sample_data(tmp_path / "data", **arguments)
    assert not (tmp_path / "data").exists()
