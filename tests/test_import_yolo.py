"""A YOLO segmentation export becomes a data folder; boxes and strange lines are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import run_search
from tests.tiny_sources import blocks, files_of, photos_by_stem, read_splits, write_yolo
from trashseg_core.data.check import check_folder
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.photos import read_photo
from trashseg_core.errors import BadInput
from trashseg_core.importers.options import ImportOptions
from trashseg_core.importers.writing import ImportReport
from trashseg_core.importers.yolo import import_yolo

SQUARE = "0 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5\n"
SHOE = "1 0.1 0.1 0.9 0.1 0.9 0.9\n"
GIVEN = {
    "train": {"a": SQUARE, "b": SHOE, "c": SQUARE + SHOE},
    "valid": {"d": SQUARE, "e": SHOE},
    "test": {"f": SQUARE, "g": ""},
}


def imported(source: Path, **options: Any) -> ImportReport:
    """Import into `out` beside the source; the result must pass the check."""
    report = import_yolo(source, source.parent / "out", ImportOptions(**options))
    assert check_folder(DataFolder(str(source.parent / "out"))).findings == []
    return report


def test_the_export_keeps_its_splits_classes_and_outlines(tmp_path: Path) -> None:
    source = write_yolo(tmp_path / "yolo", GIVEN)
    before = files_of(source)
    report = imported(source)
    assert report.class_names == ["Background", "can", "shoe"]
    assert report.photos == {"train": 3, "val": 2, "test": 2}
    found = photos_by_stem(tmp_path / "out")
    assert [entry["category_id"] for entry in found["c"][1]] == [1, 2]
    assert found["a"][1][0]["segmentation"] == [[20, 15, 40, 15, 40, 30, 20, 30]]
    assert found["a"][1][0]["area"] == 300
    assert found["g"][1] == []
    assert files_of(source) == before
    assert (tmp_path / "out" / found["a"][0]["file_name"]).read_bytes() == before["train/images/a.jpg"]


def test_an_export_of_train_only_is_split_by_class(tmp_path: Path) -> None:
    labels = {f"p{number:02}": SHOE if number < 6 else SQUARE for number in range(40)}
    report = imported(write_yolo(tmp_path / "yolo", {"train": labels}), val=0.2, test=0.2)
    assert report.photos == {"train": 24, "val": 8, "test": 8}
    shoes = [counts[2] for counts in report.class_photos.values()]
    assert sum(shoes) == 6 and all(1 <= count <= 4 for count in shoes)


def test_variants_of_one_photo_come_into_one_split(tmp_path: Path) -> None:
    labels = {f"p{number // 4}_jpg.rf.{number:032x}": SQUARE for number in range(40)}
    imported(write_yolo(tmp_path / "yolo", {"train": labels}))
    homes = {
        (Path(entry["file_name"]).name.split("_")[0], split)
        for split, content in read_splits(tmp_path / "out").items()
        for entry in content["images"]
    }
    assert len(homes) == 10


@pytest.mark.parametrize(
    ("lines", "folders"),
    [
        (["train: images/train", "val: images/val"], ("images/train", "labels/train", "images/val", "labels/val")),
        (["path: sub", "train: a", "val: [b]"], ("sub/a", "sub/a", "sub/b", "sub/b")),
        (["path: /content/x", "train: t/images", "val: v/images"], ("t/images", "t/labels", "v/images", "v/labels")),
    ],
    ids=["images/train", "labels beside the photos", "somebody else's path"],
)
def test_labels_are_found_where_yolo_looks_for_them(
    tmp_path: Path, lines: list[str], folders: tuple[str, str, str, str]
) -> None:
    source = tmp_path / "yolo"
    for number in range(4):
        images, labels = (source / folders[2 * (number % 2)], source / folders[2 * (number % 2) + 1])
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        Image.fromarray(blocks(number)).save(images / f"{number}.png")
        (labels / f"{number}.txt").write_text(SQUARE)
    (source / "data.yaml").write_text("\n".join(["names: {0: can}", "nc: 1", *lines]))
    report = imported(source)
    assert report.photos == {"train": 2, "val": 2}
    assert report.class_annotations == {"train": [0, 2], "val": [0, 2]}


def test_a_named_split_without_a_folder_is_dealt_and_said(tmp_path: Path) -> None:
    source = write_yolo(tmp_path / "yolo", {"train": {f"p{number}": SQUARE for number in range(10)}})
    with open(source / "data.yaml", "a") as stream:
        stream.write("val: ../valid/images\ntest: train/images\n")
    report = imported(source)
    assert list(report.photos) == ["train", "val", "test"]
    absent = report.left_out["splits of data.yaml without a folder of their own"]
    assert absent == ["val: '../valid/images'", "test: 'train/images'"]


def test_the_upright_picture_is_what_the_outlines_belong_to(tmp_path: Path) -> None:
    source = write_yolo(tmp_path / "yolo", GIVEN)
    exif = Image.Exif()
    for stem, orientation in (("a", 6), ("b", 3)):
        exif[0x0112] = orientation
        Image.fromarray(blocks(7)).save(source / f"train/images/{stem}.jpg", quality=95, exif=exif)
    imported(source)
    found = photos_by_stem(tmp_path / "out")
    upright = {"a": np.rot90(blocks(7), -1), "b": np.rot90(blocks(7), 2)}
    for stem, expected in upright.items():
        photo = found[stem][0]
        rgb = read_photo(tmp_path / "out" / photo["file_name"], (photo["height"], photo["width"]))
        assert rgb.shape == expected.shape
        assert np.abs(rgb[5::10, 5::10].astype(int) - expected[5::10, 5::10]).mean() < 10
    assert found["a"][1][0]["segmentation"] == [[15, 20, 30, 20, 30, 40, 15, 40]]


def test_outlines_without_area_or_of_the_background_are_counted(tmp_path: Path) -> None:
    line, dot = "1 0.1 0.1 0.2 0.2 0.3 0.3\n", "1 0.1 0.1 0.103 0.1 0.103 0.104 0.1 0.104\n"
    labels = {"train": {"a": SQUARE + line + dot + SHOE, "b": SHOE}, "valid": {"c": SHOE}}
    report = imported(write_yolo(tmp_path / "yolo", labels, names="[background, shoe]"))
    assert report.class_names == ["Background", "shoe"]
    assert {reason: len(names) for reason, names in report.left_out.items() if names} == {
        "outlines of the class background": 1,
        "outlines without area": 1,
        "outlines smaller than a pixel": 1,
    }
    assert report.class_annotations == {"train": [0, 2], "val": [0, 1]}


def test_a_point_just_outside_is_moved_to_the_border(tmp_path: Path) -> None:
    labels = {"train": {"a": "0 -0.004 0 0.5 0 0.5 1.0000001\n"}, "valid": {"b": SQUARE}}
    imported(write_yolo(tmp_path / "yolo", labels))
    assert photos_by_stem(tmp_path / "out")["a"][1][0]["segmentation"] == [[0, 0, 40, 0, 40, 60]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.2 0.2", "line 2 has 5 numbers: it is a box, not an outline"),
        ("2 0.1 0.1 0.2 0.1 0.2 0.2", "line 2 is of class 2, but data.yaml names 0 can, 1 shoe"),
        ("0 0.1 0.1 0.2 0.1 0.2", "line 2 has 6 numbers"),
        ("0 0.1 0.1", "line 2 has 3 numbers"),
        ("0 10 10 20 10 20 20", "line 2 has a coordinate outside 0 to 1"),
        ("0 nan 0.1 0.2 0.1 0.2 0.2", "line 2 has a coordinate outside 0 to 1"),
        ("can 0.1 0.1 0.2 0.1 0.2 0.2", "line 2 holds something else than numbers"),
    ],
)
def test_a_line_that_is_no_outline_is_refused(tmp_path: Path, line: str, message: str) -> None:
    source = write_yolo(tmp_path / "yolo", {"train": {"a": SQUARE + line + "\n"}, "valid": {"b": SQUARE}})
    with pytest.raises(BadInput) as caught:
        import_yolo(source, tmp_path / "out", ImportOptions())
    assert message in str(caught.value) and "a.txt" in str(caught.value)
    assert not (tmp_path / "out").exists()


BOMB = (
    "a0: &a0 [x, x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    + "names: *a11\n"
)


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("names: [can]\ntrain: /data/train\n", "`train` is '/data/train', which leads out of"),
        ("names: [can]\ntrain: a/../../b\n", "which leads out of"),
        ("names: [can]\ntrain: https://x/train.zip\n", "which leads out of"),
        ("names: [can]\ntrain: data.yaml\n", "a file, but must be a folder of photos"),
        ("names: [can]\ntrain: 7\n", "`train` is 7, but must be a folder"),
        ("names: [can]\ntrain: tarin/images\n", "there is no such folder"),
        ("names: [can]\nval: train/images\n", "`train` is missing"),
        ("names: [can, no]\ntrain: train/images\n", "the entry 1: False. Put each name in quotes"),
        ("names: [can, can]\ntrain: train/images\n", "one name for two classes"),
        ("names: [can]\nnc: 2\ntrain: train/images\n", "`nc` is 2, but `names` lists 1"),
        ("names: can\ntrain: train/images\n", "`names` must list"),
        ("names: [background]\ntrain: train/images\n", "no class but the background"),
        ("- a\n", "is a list"),
        (BOMB, "the entry 0: a list"),
        ("names: [\n", "cannot be read as YAML"),
        ("names: !!python/object/apply:os.system [true]\ntrain: x\n", "cannot be read as YAML"),
    ],
)
def test_a_data_yaml_that_does_not_fit_is_refused(tmp_path: Path, yaml: str, message: str) -> None:
    source = write_yolo(tmp_path / "yolo", GIVEN)
    (source / "data.yaml").write_text(yaml, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        import_yolo(source, tmp_path / "out", ImportOptions())
    assert message in str(caught.value)


def test_bad_exports_are_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(source: Path) -> str:
        assert run_search.main(["import-yolo", str(source), str(tmp_path / "out")]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n"), (tmp_path / "out").exists()) == ("", 1, False)
        return err

    source = write_yolo(tmp_path / "yolo", GIVEN)
    assert "no such folder" in refused(tmp_path / "none")
    assert "holds no data.yaml" in refused(source / "train")
    Image.fromarray(blocks(3)).save(source / "train/images/a.png")
    assert "two photos stand for" in refused(source)
    (source / "train/images/a.png").unlink()
    (source / "train/images/a.jpg").write_bytes(b"no picture")
    assert "a.jpg: cannot be decoded" in refused(source)
    (source / "train/images/a.jpg").unlink()
    (source / "train/images/a.jpg").symlink_to("/etc/hostname")
    assert "the link leads out of" in refused(source)
    for split in GIVEN:
        for path in (source / split / "labels").iterdir():
            path.unlink()
    (source / "train/images/a.jpg").unlink()
    assert "no photo has a label file" in refused(source)


def test_the_verb_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_yolo(tmp_path / "yolo", GIVEN)
    assert run_search.main(["import-yolo", str(source), str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "train (3 photos)" in out and "2 / 2" in out
    assert run_search.main(["check", str(tmp_path / "out")]) == 0
