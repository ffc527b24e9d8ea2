"""TACO becomes a data folder: its real annotation file, with stand-ins for the photos."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny_sources import read_splits
from trashseg_core.data.check import check_folder
from trashseg_core.data.coco import Photo
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.resize import fitted_size
from trashseg_core.errors import BadInput
from trashseg_core.importers import taco
from trashseg_core.importers.class_map import read_class_map
from trashseg_core.importers.options import ImportOptions
from trashseg_core.importers.scenes import scene_keys
from trashseg_core.importers.taco import import_taco
from trashseg_core.importers.writing import ImportReport

OPTIONS = ImportOptions()
SPLITS = ("train", "val", "test")
COMPETITION = "General trash, Paper, Paper pack, Metal, Glass, Plastic, Styrofoam, Plastic bag, Battery, Clothing"
NUM_MISSING, BROKEN = 40, "batch_1/000006.jpg"


@pytest.fixture(scope="module")
def document(shared: Path) -> dict[str, Any]:
    """TACO's annotation file."""
    return json.loads((shared / "data" / "taco_meta" / "annotations.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def whole(
    shared: Path, document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ImportReport]:
    """All of TACO at 64 px, noise in place of each photo; the last 40 are missing and one is broken."""
    source = tmp_path_factory.mktemp("taco")
    real = shared / "data" / "taco_meta" / "annotations.json"
    (source / "data").mkdir()
    (source / "data" / "annotations.json").write_bytes(real.read_bytes())
    for entry in document["images"][:-NUM_MISSING]:
        path = source / "data" / entry["file_name"]
        path.parent.mkdir(exist_ok=True)
        path.touch()

    def noise(path: Path, photo: Photo, size: int, _: float) -> np.ndarray:
        if photo.file_name == BROKEN:
            raise BadInput(f"{path}: cannot be decoded")
        shape = fitted_size(photo.height, photo.width, size)
        return np.random.default_rng(photo.id).integers(0, 256, (*shape, 3), dtype=np.uint8)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(taco, "_resized", noise)
        report = import_taco(source, source.parent / f"{source.name}-out", OPTIONS, size=64)
    return source.parent / f"{source.name}-out", report


@pytest.fixture(scope="module")
def source_ids(document: dict[str, Any]) -> dict[str, int]:
    """Id in TACO of each imported photo."""
    return {f"images/{Path(entry['file_name']).with_suffix('.jpg')}": entry["id"] for entry in document["images"]}


def test_the_imported_folder_passes_the_check(whole: tuple[Path, ImportReport]) -> None:
    report = check_folder(DataFolder(str(whole[0])))
    assert report.findings == []
    assert ", ".join(report.class_names[1:]) == COMPETITION


def test_every_photo_that_is_there_is_in_exactly_one_split(whole: tuple[Path, ImportReport]) -> None:
    names = [entry["file_name"] for split in read_splits(whole[0]).values() for entry in split["images"]]
    assert len(names) == len(set(names)) == 1500 - NUM_MISSING - 1
    assert sorted(str(path.relative_to(whole[0])) for path in whole[0].rglob("*.jpg")) == sorted(names)


def test_what_is_missing_or_broken_is_counted(whole: tuple[Path, ImportReport], document: dict[str, Any]) -> None:
    left_out = whole[1].left_out
    gone = {entry["id"] for entry in document["images"] if entry["file_name"] == BROKEN}
    gone |= {entry["id"] for entry in document["images"][-NUM_MISSING:]}
    assert len(left_out["photos missing"]) == NUM_MISSING
    (broken,) = left_out["photos broken or of another size than annotated"]
    assert "000006.jpg: cannot be decoded" in broken
    lost = sum(entry["image_id"] in gone for entry in document["annotations"])
    assert len(left_out["annotations of photos that are left out"]) == lost
    tiny = ("annotations smaller than a pixel at 64 px", "annotations without a polygon left")
    small = sum(len(left_out[reason]) for reason in tiny)
    written = sum(sum(counts) for counts in whole[1].class_annotations.values())
    assert written == 4784 - lost - small
    assert small < 0.2 * 4784


def test_each_class_is_split_in_the_ratios(whole: tuple[Path, ImportReport]) -> None:
    counts = np.array([whole[1].class_photos[split][1:] + [whole[1].photos[split]] for split in SPLITS])
    wanted = np.outer((0.7, 0.15, 0.15), counts.sum(axis=0))
    assert (np.abs(counts - wanted) <= np.maximum(1, 0.03 * wanted)).all()


def test_no_scene_is_in_two_splits(
    whole: tuple[Path, ImportReport], document: dict[str, Any], source_ids: dict[str, int]
) -> None:
    scenes = scene_keys(document, [Photo(entry["id"], entry["file_name"], 1, 1) for entry in document["images"]])
    homes = {
        (scenes[source_ids[entry["file_name"]]], name)
        for name, split in read_splits(whole[0]).items()
        for entry in split["images"]
    }
    assert len(homes) == len({scene for scene, _ in homes})
    assert (len(set(scenes.values())), max(Counter(scenes.values()).values())) == (398, 89)


def test_every_annotation_stays_with_its_photo_also_where_two_share_an_id(
    whole: tuple[Path, ImportReport], document: dict[str, Any], source_ids: dict[str, int]
) -> None:
    twins = [entry["image_id"] for entry in document["annotations"] if entry["id"] in (309, 4040)]
    assert sorted(twins) == [93, 101, 1281, 1300]
    expected = Counter(entry["image_id"] for entry in document["annotations"])
    found: Counter[int] = Counter()
    for split in read_splits(whole[0]).values():
        photos = {photo["id"]: source_ids[photo["file_name"]] for photo in split["images"]}
        found.update(photos[entry["image_id"]] for entry in split["annotations"])
        assert [entry["id"] for entry in split["annotations"]] == list(range(len(split["annotations"])))
    small = whole[1].left_out["annotations smaller than a pixel at 64 px"]
    small = small + whole[1].left_out["annotations without a polygon left"]
    found.update(source_ids[str(Path("images", name.split(" of ")[1]).with_suffix(".jpg"))] for name in small)
    gone = {entry["id"] for entry in document["images"][-NUM_MISSING:] if found[entry["id"]] == 0} | {0}
    assert found == {image: number for image, number in expected.items() if image not in gone}


def test_category_0_is_metal_and_category_35_needs_no_annotation(document: dict[str, Any]) -> None:
    categories = {entry["id"]: entry["name"] for entry in document["categories"]}
    classes, names = read_class_map()
    assert (categories[0], classes[categories[0]]) == ("Aluminium foil", "Metal")
    assert (categories[35], classes[categories[35]]) == ("Plastified paper bag", "Paper")
    assert classes.keys() == set(categories.values())
    assert ", ".join(names[1:]) == COMPETITION


def test_the_classes_hold_as_many_annotations_as_the_proposal_says(document: dict[str, Any]) -> None:
    classes, names = read_class_map()
    category = {entry["id"]: entry["name"] for entry in document["categories"]}
    counts = Counter(classes[category[entry["category_id"]]] for entry in document["annotations"])
    assert [counts[name] for name in names[1:]] == [1270, 343, 112, 544, 254, 1263, 140, 849, 2, 7]
