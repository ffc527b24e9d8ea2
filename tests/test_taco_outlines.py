"""What an import does to the photos and outlines of a small TACO."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.tiny import annotation
from tests.tiny_sources import photos_by_stem, read_splits, write_taco
from trashseg_core.data.check import check_folder
from trashseg_core.data.coco import Photo
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.segmentations import segmentation_mask
from trashseg_core.errors import BadInput
from trashseg_core.importers import taco
from trashseg_core.importers.options import ImportOptions
from trashseg_core.importers.polygons import clip_polygon, has_area
from trashseg_core.importers.scenes import scene_keys
from trashseg_core.importers.taco import import_taco
from trashseg_core.importers.writing import ImportReport

Found = dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Where the small TACO lies."""
    return tmp_path / "TACO"


def imported(source: Path, **choices: Any) -> tuple[ImportReport, Found]:
    """Import a small TACO, which must pass the check; return the report, and each photo by stem."""
    out = source.parent / "out"
    report = import_taco(source, out, ImportOptions(), **choices)
    assert check_folder(DataFolder(str(out))).findings == []
    return report, photos_by_stem(out)


def test_photos_and_outlines_shrink_together(source: Path) -> None:
    _, found = imported(write_taco(source), size=40)
    photo, (entry,) = found["000003"]
    assert (photo["width"], photo["height"], photo["file_name"]) == (40, 30, "images/batch_1/000003.jpg")
    assert entry["segmentation"] == [[1, 1, 5, 1, 5, 5, 1, 5]]
    assert (entry["area"], entry["bbox"]) == (16, [1, 1, 4, 4])


def test_a_small_photo_is_not_enlarged(source: Path) -> None:
    _, found = imported(write_taco(source))
    assert (found["000000"][0]["width"], found["000000"][0]["height"]) == (80, 60)


def test_a_photo_without_its_annotated_size_and_a_cut_off_one_are_left_out(source: Path) -> None:
    write_taco(source)
    Image.new("RGB", (81, 60)).save(source / "batch_1/000002.JPG")
    cut = (source / "batch_1/000004.JPG").read_bytes()
    (source / "batch_1/000004.JPG").write_bytes(cut[: len(cut) // 2])
    (source / "batch_1/000005.JPG").unlink()
    report, found = imported(source)
    assert found.keys() == {f"{number:06}" for number in (0, 1, 3, 6, 7, 8, 9, 10, 11)}
    broken = report.left_out["photos broken or of another size than annotated"]
    assert ["81 x 60" in broken[0], "cannot be decoded" in broken[1]] == [True, True]
    assert report.left_out["photos missing"] == ["batch_1/000005.JPG"]
    assert len(report.left_out["annotations of photos that are left out"]) == 3


@pytest.mark.parametrize(
    ("orientation", "stored", "annotated"),
    [(6, (80, 60), (60, 80)), (6, (60, 80), (60, 80)), (3, (80, 60), (80, 60)), (1, (80, 60), (80, 60))],
    ids=["turned", "stored sideways as annotated", "upside down", "upright"],
)
def test_the_orientation_is_applied_where_the_upright_size_is_the_annotated_one(
    tmp_path: Path, orientation: int, stored: tuple[int, int], annotated: tuple[int, int]
) -> None:
    image = Image.new("RGB", stored, (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, stored[0], 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    rgb = taco._resized(tmp_path / "a.png", Photo(0, "a.png", annotated[1], annotated[0]), 512, 50)
    assert rgb.shape[:2] == (annotated[1], annotated[0])
    bright = {"top": rgb[5].min(), "bottom": rgb[-5].min(), "right": rgb[:, -5].min()}
    place = {3: "bottom", 6: "right", 1: "top"}[orientation] if stored != (60, 80) else "top"
    assert [name for name, value in bright.items() if value > 200] == [place]


def test_an_outline_is_clipped_to_the_picture(source: Path) -> None:
    outside = [[-1, -1, 30, -1, 30, 20, -1, 20]]
    _, found = imported(write_taco(source, annotations=[annotation(1, 7, segmentation=outside), annotation(0, 0)]))
    points = found["000001"][1][0]["segmentation"][0]
    assert sorted(zip(points[::2], points[1::2], strict=True)) == [(0, 0), (0, 20), (30, 0), (30, 20)]


def test_a_bad_polygon_does_not_take_its_annotation_along(source: Path) -> None:
    square = [2, 2, 10, 2, 10, 10, 2, 10]
    line, point, far = [0, 0, 5, 5, 9, 9, 7, 7], [3, 3, 3, 3, 3, 3], [90, 2, 95, 2, 95, 9]
    flat = [-5, 2, 0, 2, 0, 9, -5, 9]  # touches the picture only with its side
    given = [annotation(1, 7, segmentation=[line, square, point, far, flat]), annotation(2, 7, segmentation=[line])]
    report, found = imported(write_taco(source, annotations=[*given, annotation(0, 0)]))
    assert [entry["segmentation"] for entry in found["000001"][1]] == [[square]]
    assert found["000002"][1] == []
    assert len(report.left_out["polygons without area in the picture"]) == 5
    assert len(report.left_out["annotations without a polygon left"]) == 1


def test_a_crowd_in_run_lengths_stays_a_crowd(source: Path) -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 30:60] = 1
    runs = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=0, append=0))
    counts = np.diff(runs, prepend=0, append=mask.size).tolist()
    crowd = annotation(1, 0, segmentation={"size": [60, 80], "counts": counts}, iscrowd=1, area=600)
    _, found = imported(write_taco(source, annotations=[crowd, annotation(0, 7)]), size=40)
    (entry,) = found["000001"][1]
    assert np.array_equal(segmentation_mask(entry["segmentation"], 30, 40), mask[1::2, 1::2].astype(bool))
    assert (entry["iscrowd"], entry["area"]) == (1, 150)


def test_pictures_that_look_the_same_come_into_one_split(source: Path) -> None:
    write_taco(source)
    for number in range(1, 8):
        rgb = cv2.imread(str(source / "batch_1/000000.JPG"))
        cv2.imwrite(str(source / f"batch_1/{number:06}.JPG"), rgb, [cv2.IMWRITE_JPEG_QUALITY, 90 - number])
    imported(source)
    homes = {
        name
        for name, split in read_splits(source.parent / "out").items()
        for entry in split["images"]
        if int(Path(entry["file_name"]).stem) < 8
    }
    assert len(homes) == 1


def test_scenes_are_cut_where_ground_or_upload_change() -> None:
    grounds = {2: [1], 10: [1, 2], 3: [2], 4: [5], 5: [], 11: [5], 12: [5]}
    order = [2, 3, 4, 5, 10, 11, 12]
    photos = [Photo(number, f"batch_1/{order.index(number):06}.jpg", 1, 1) for number in order]
    images = [{"id": number, "flickr_url": f"https://x/{'b' if number == 12 else 'a'}/1.jpg"} for number in order]
    scenes = scene_keys(
        {
            "images": images,
            "scene_annotations": [{"image_id": number, "background_ids": ids} for number, ids in grounds.items()],
        },
        photos,
    )
    assert [scenes[number] for number in order] == [f"batch_1 scene {number}" for number in (0, 1, 2, 2, 2, 3, 4)]


@pytest.mark.parametrize("seed", range(20))
def test_clipping_changes_no_pixel_inside_the_picture_but_at_its_border(seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-30, 90, (7, 2))
    clipped = clip_polygon(points, 50, 60)
    before = segmentation_mask([points.ravel().tolist()], 50, 60)
    after = segmentation_mask([clipped.ravel().tolist()], 50, 60) if has_area(clipped) else np.zeros_like(before)
    assert 0 <= clipped.min() and (clipped.max(axis=0) <= (60, 50)).all()
    assert (before != after)[2:-2, 2:-2].sum() <= 0.02 * before.size
    assert before.any() == after.any()


def test_a_bow_tie_has_area_and_a_line_has_none() -> None:
    assert has_area(np.array([[0, 0], [2, 2], [2, 0], [0, 2]], float))
    assert not has_area(np.array([[0, 0], [2, 2], [4, 4], [1, 1]], float))
    assert not has_area(np.array([[0, 0], [2, 2], [0, 0], [2, 2]], float))


def test_width_and_height_are_scaled_each_by_its_own_rounding(source: Path) -> None:
    _, found = imported(write_taco(source), size=33)
    assert (found["000003"][0]["width"], found["000003"][0]["height"]) == (33, 25)
    x, y = round(10 * 33 / 80, 2), round(10 * 25 / 60, 2)
    assert found["000003"][1][0]["segmentation"][0][4:6] == [x, y] == [4.12, 4.17]


def test_a_photo_listed_twice_is_imported_once(source: Path) -> None:
    write_taco(source)
    content = json.loads((source / "annotations.json").read_text())
    content["images"].append({"id": 99, "file_name": "batch_1/./000003.JPG", "height": 60, "width": 80})
    report, found = imported(write_taco(source, images=content["images"]))
    assert len(found) == 12
    assert report.left_out["photos listed a second time"] == ["batch_1/./000003.JPG"]


def test_photos_that_would_get_one_name_are_refused(source: Path) -> None:
    write_taco(source)
    content = json.loads((source / "annotations.json").read_text())
    content["images"].append({"id": 99, "file_name": "batch_1/000003.png", "height": 60, "width": 80})
    Image.new("RGB", (80, 60)).save(source / "batch_1/000003.png")
    with pytest.raises(BadInput, match="000003.png and batch_1/000003.JPG differ in case or suffix only"):
        imported(write_taco(source, images=content["images"]))


def test_the_order_in_a_batch_is_that_of_the_numbers() -> None:
    photos = [Photo(number, f"batch_1/{number}.jpg", 1, 1) for number in (10, 2, 1)]
    grounds = [{"image_id": number, "background_ids": [number % 3]} for number in (1, 2, 10)]
    scenes = scene_keys({"images": [], "scene_annotations": grounds}, photos)
    assert scenes == {1: "batch_1 scene 0", 2: "batch_1 scene 1", 10: "batch_1 scene 2"}
