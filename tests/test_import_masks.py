"""Photos and label PNGs become a data folder whose painted label maps equal the PNGs, pixel by pixel."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import run_search
from tests.tiny_sources import files_of, label_map, read_splits, write_pairs
from trashseg_core.data.check import check_folder
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import paint
from trashseg_core.data.photos import read_photo
from trashseg_core.importers.masks import import_masks
from trashseg_core.importers.options import ImportOptions
from trashseg_core.importers.writing import ImportReport

OPTIONS = ImportOptions()
COLOURS = np.array([[0, 0, 0], [64, 128, 64], [192, 0, 128], [0, 128, 192]], np.uint8)


def imported(images: Path, masks: Path, **choices: Any) -> tuple[ImportReport, dict[str, np.ndarray]]:
    """Import into `out` beside the images, which must pass the check; return the report and the painted label maps."""
    out = images.parent / "out"
    report = import_masks(images, masks, out, choices.pop("options", OPTIONS), **choices)
    folder = DataFolder(str(out))
    assert check_folder(folder).findings == []
    painted = {}
    for split in report.photos:
        content = (
            folder.inspect(split) if split != "test" else DataFolder(str(out), val_file="test.json").inspect("val")
        )
        labels, _ = folder.labels(content)
        for photo in content.photos:
            name = str(Path(photo.file_name).relative_to("images").with_suffix(""))
            painted[name] = paint(content.annotations[photo.id], labels, photo.height, photo.width)
    return report, painted


def assert_equal(painted: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert painted.keys() == expected.keys()
    assert [name for name in expected if not np.array_equal(painted[name], expected[name])] == []


@pytest.fixture
def maps() -> dict[str, np.ndarray]:
    """Twelve label maps of three classes, background and ignored pixels, some in a subfolder."""
    return {f"{'sub/' if seed % 3 == 0 else ''}{seed:03}": label_map(seed) for seed in range(12)}


@pytest.mark.parametrize("ending", ["", "_L"], ids=["same stem", "CamVid's stem"])
def test_painted_label_maps_equal_the_pictures(tmp_path: Path, maps: dict[str, np.ndarray], ending: str) -> None:
    write_pairs(tmp_path / "images", tmp_path / "masks", maps, ending)
    report, painted = imported(tmp_path / "images", tmp_path / "masks")
    assert_equal(painted, maps)
    assert report.class_names == ["Background", "class_1", "class_2", "class_3"]
    assert list(report.photos) == ["train", "val", "test"]
    assert sum(report.photos.values()) == 12


def test_the_label_maps_of_real_photos_come_back(garbage6: Path, tmp_path: Path) -> None:
    for kind, suffix in (("images", "jpg"), ("masks", "png")):
        for split in ("train", "valid"):
            (tmp_path / kind / split).mkdir(parents=True)
            for path in sorted((garbage6 / kind / split).glob(f"*.{suffix}"))[:20]:
                (tmp_path / kind / split / path.name).write_bytes(path.read_bytes())
    report, painted = imported(tmp_path / "images", tmp_path / "masks", options=ImportOptions(test=0))
    expected = {
        f"{'val' if split == 'valid' else split}/{path.stem}": np.asarray(Image.open(path))
        for split in ("train", "valid")
        for path in (tmp_path / "masks" / split).iterdir()
    }
    assert report.photos == {"train": 20, "val": 20}
    assert_equal(painted, expected)


@pytest.mark.parametrize("labels", ["{}_labels", "{}annot"])
def test_the_splits_of_camvid_are_kept(tmp_path: Path, labels: str) -> None:
    source, expected = tmp_path / "CamVid", {}
    for number, split in enumerate(("train", "val", "test")):
        maps = {f"{split}{seed}": label_map(10 * number + seed) for seed in range(3)}
        write_pairs(source / split, source / labels.format(split), maps)
        expected |= {f"{split}/{name}": array for name, array in maps.items()}
    report, painted = imported(source, source)
    assert report.photos == {"train": 3, "val": 3, "test": 3}
    assert not any(report.left_out.values())
    assert_equal(painted, expected)
    for split, content in read_splits(tmp_path / "out").items():
        assert [entry["file_name"] for entry in content["images"]] == [
            f"images/{split}/{split}{n}.jpg" for n in range(3)
        ]


def test_pictures_beside_the_folders_of_the_splits_are_counted(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_pairs(tmp_path / "a" / split, tmp_path / "a" / f"{split}annot", {f"{split}1": label_map(1)})
    write_pairs(tmp_path / "a" / "more", tmp_path / "a" / "moreannot", {"x": label_map(2)})
    report, _ = imported(tmp_path / "a", tmp_path / "a")
    assert report.left_out["pictures beside the folders of the splits"] == ["more/x.jpg", "moreannot/x.png"]
    assert report.photos == {"train": 1, "val": 1}


def test_label_pictures_in_a_folder_below_the_photos_are_no_photos(tmp_path: Path, maps: dict[str, np.ndarray]) -> None:
    write_pairs(tmp_path / "images", tmp_path / "images" / "masks", maps)
    assert_equal(imported(tmp_path / "images", tmp_path / "images" / "masks")[1], maps)


def test_only_train_is_dealt_where_the_source_gives_no_val(tmp_path: Path) -> None:
    write_pairs(tmp_path / "a" / "train", tmp_path / "b" / "train", {f"x{seed}": label_map(seed) for seed in range(9)})
    write_pairs(tmp_path / "a" / "test", tmp_path / "b" / "test", {"t0": label_map(20), "t1": label_map(21)})
    report, _ = imported(tmp_path / "a", tmp_path / "b", options=ImportOptions(val=0.33))
    assert report.photos == {"train": 6, "val": 3, "test": 2}


def test_a_test_split_may_lack_label_pictures(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_pairs(
            tmp_path / "a" / split, tmp_path / "b" / split, {f"{split}1": label_map(1), f"{split}2": label_map(2)}
        )
    for path in (tmp_path / "b" / "test").iterdir():
        path.unlink()
    (tmp_path / "b" / "test").rmdir()
    assert imported(tmp_path / "a", tmp_path / "b")[0].class_photos["test"] == [0, 0, 0, 0]


def test_colours_become_labels_and_void_is_ignored(tmp_path: Path, maps: dict[str, np.ndarray]) -> None:
    coloured = {name: COLOURS[np.where(array == 255, 0, array)] for name, array in maps.items()}
    write_pairs(tmp_path / "images", tmp_path / "masks", coloured)
    table = "64 128 64\tAnimal\n192 0 128\t\tArchway\n0 0 0\t\tVoid\n0 128 192\tBicyclist\n"
    (tmp_path / "label_colors.txt").write_text(table, encoding="utf-8")
    report, painted = imported(tmp_path / "images", tmp_path / "masks", class_file=tmp_path / "label_colors.txt")
    assert report.class_names == ["Background", "Animal", "Archway", "Bicyclist"]
    ignored = {name: (array == 0) | (array == 255) for name, array in maps.items()}
    assert_equal(painted, {name: np.where(ignored[name], 255, array) for name, array in maps.items()})


def test_two_colours_of_one_name_are_one_class_and_background_is_0(tmp_path: Path, maps: dict[str, np.ndarray]) -> None:
    coloured = {name: COLOURS[np.where(array == 255, 0, array)] for name, array in maps.items()}
    write_pairs(tmp_path / "images", tmp_path / "masks", coloured)
    table = "0 128 192 Car\n192 0 128 Road\n64 128 64 Car\n0 0 0 background\n"
    (tmp_path / "colours.txt").write_text(table, encoding="utf-8")
    report, painted = imported(tmp_path / "images", tmp_path / "masks", class_file=tmp_path / "colours.txt")
    assert report.class_names == ["Background", "Car", "Road"]
    relabelled = np.array([0, 1, 2, 1] + [0] * 252, np.uint8)
    assert_equal(painted, {name: relabelled[array] for name, array in maps.items()})


@pytest.mark.parametrize("text", ["can\nshoe\nbag\nrare\n", "BACKGROUND\ncan\nshoe\nbag\nrare\n\n"])
def test_names_belong_to_labels_from_1_or_from_a_first_line_background(
    tmp_path: Path, maps: dict[str, np.ndarray], text: str
) -> None:
    write_pairs(tmp_path / "images", tmp_path / "masks", maps)
    (tmp_path / "classes.txt").write_text(text, encoding="utf-8")
    report, painted = imported(tmp_path / "images", tmp_path / "masks", class_file=tmp_path / "classes.txt")
    assert report.class_names == ["Background", "can", "shoe", "bag", "rare"]
    assert_equal(painted, maps)


def test_another_ignored_value_becomes_255(tmp_path: Path, maps: dict[str, np.ndarray]) -> None:
    write_pairs(tmp_path / "images", tmp_path / "masks", maps)
    _, painted = imported(tmp_path / "images", tmp_path / "masks", ignored=3)
    assert_equal(painted, {name: np.where(array == 3, 255, array) for name, array in maps.items()})


@pytest.mark.parametrize("kind", ["palette", "grey as RGB", "16 bit"])
def test_indices_may_be_stored_in_other_ways(tmp_path: Path, maps: dict[str, np.ndarray], kind: str) -> None:
    write_pairs(tmp_path / "images", tmp_path / "masks", maps)
    for name, array in maps.items():
        image = Image.fromarray(array)
        if kind == "palette":
            image.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
        elif kind == "16 bit":
            image = Image.fromarray(array.astype(np.uint16))
        else:
            image = image.convert("RGB")
        image.save(tmp_path / "masks" / f"{name}.png")
    assert_equal(imported(tmp_path / "images", tmp_path / "masks")[1], maps)


def test_photos_are_copied_byte_for_byte_and_the_source_stays_as_it_is(
    tmp_path: Path, maps: dict[str, np.ndarray]
) -> None:
    write_pairs(tmp_path / "images", tmp_path / "masks", maps)
    before = files_of(tmp_path)
    imported(tmp_path / "images", tmp_path / "masks")
    copied = files_of(tmp_path / "out" / "images")
    assert copied == files_of(tmp_path / "images")
    assert {name: data for name, data in files_of(tmp_path).items() if not name.startswith("out/")} == before


def test_the_same_photo_in_two_splits_is_left_out_of_the_earlier(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_pairs(tmp_path / "a" / split, tmp_path / "b" / split, {f"{split}{n}": label_map(n) for n in range(3)})
    (tmp_path / "a/train/train1.jpg").write_bytes((tmp_path / "a/val/val2.jpg").read_bytes())
    report, _ = imported(tmp_path / "a", tmp_path / "b")
    assert report.left_out["photos of train that a later split holds too"] == ["images/train/train1.jpg"]
    assert report.photos == {"train": 2, "val": 3}
    assert not (tmp_path / "out/images/train/train1.jpg").exists()


def test_a_photo_stored_sideways_is_taken_as_its_label_picture_lies(
    tmp_path: Path, maps: dict[str, np.ndarray]
) -> None:
    write_pairs(tmp_path / "images", tmp_path / "masks", maps)
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, size in (("001", (80, 60)), ("002", (60, 80))):
        Image.new("RGB", size, (9, 9, 9)).save(tmp_path / "images" / f"{name}.jpg", exif=exif)
    report, painted = imported(tmp_path / "images", tmp_path / "masks")
    assert_equal(painted, maps)
    assert read_photo(tmp_path / "out/images/002.jpg", (60, 80)).shape == (60, 80, 3)
    assert sum(report.photos.values()) == 12


def test_bad_folders_and_pictures_are_one_line_each(
    tmp_path: Path, maps: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    images, masks = tmp_path / "images", tmp_path / "masks"
    write_pairs(images, masks, maps)

    def refused(*words: str) -> str:
        assert run_search.main(["import-masks", str(images), str(masks), str(tmp_path / "out"), *words]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n"), (tmp_path / "out").exists()) == ("", 1, False)
        return err

    assert "The value of `--ignore` is 256" in refused("--ignore", "256")
    (tmp_path / "colours.txt").write_text("0 0 0 can\n", encoding="utf-8")
    assert "Call the colour Void" in refused("--ignore", "3", "--classes", str(tmp_path / "colours.txt"))
    (masks / "001.png").rename(tmp_path / "kept.png")
    assert "1 of 12 photos have no label picture in" in refused()
    Image.fromarray(label_map(1, 60, 90)).save(masks / "001.png")
    Image.new("RGB", (80, 60)).save(images / "002.png")
    assert "1 label pictures belong to two photos" in refused()
    (images / "002.png").unlink()
    assert "90 x 60 px, but its photo has 80 x 60" in refused()
    (masks / "001.png").write_bytes(b"no picture")
    assert "001.png: cannot be decoded" in refused()
    Image.fromarray(COLOURS[label_map(1, values=(0, 1, 2, 3))]).save(masks / "001.png")
    assert "the label picture is coloured. Give `--classes`" in refused()
    (masks / "001.png").unlink()
    (masks / "001.png").symlink_to(tmp_path / "kept.png")
    assert "the link leads out of" in refused()
    assert run_search.main(["import-masks", str(images), str(masks), str(tmp_path / "out"), "--follow-links"]) == 0
