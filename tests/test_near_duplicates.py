"""Copies of a photo are found in other sizes, qualities and crops; photos that only resemble one another are not."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.tiny import write_folder
from trashseg_core.data.check import check_folder
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.near_duplicates import SCENE, find_near_duplicates, group_scenes, thumbnail
from trashseg_core.data.sample_objects import OBJECTS
from trashseg_core.data.sample_photos import draw_photo


def jpeg(rgb: np.ndarray, quality: int) -> np.ndarray:
    """The photo after it went through a JPEG file."""
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def resized(rgb: np.ndarray, factor: float) -> np.ndarray:
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=way)


def copy_of(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy of any of these kinds: re-encoded, also resized, also cropped by up to 8 % at each edge."""
    height, width = rgb.shape[:2]
    if kind := rng.integers(3):
        rgb = resized(rgb, rng.uniform(0.3, 1.5))
    if kind == 2:
        height, width = rgb.shape[:2]
        cut = (rng.uniform(0, 0.08, 4) * [height, height, width, width]).astype(int)
        rgb = rgb[cut[0] : height - cut[1], cut[2] : width - cut[3]]
    return jpeg(rgb, int(rng.integers(20, 80)))


def generated(count: int) -> list[np.ndarray]:
    """Photos of the same few objects on the same kinds of ground: they all look alike."""
    rng, names = np.random.default_rng(0), sorted(OBJECTS)
    return [draw_photo(rng.choice(names, 3).tolist(), 128, rng)[0] for _ in range(count)]


def found_and_false(photos: list[np.ndarray]) -> tuple[float, float]:
    """Share of planted copies that are found, and share of photos that are said to have a copy but have none."""
    rng, count = np.random.default_rng(0), len(photos)
    small = [thumbnail(photo) for photo in photos]
    copies = [thumbnail(copy_of(photo, rng)) for photo in photos]
    pairs = find_near_duplicates(small + copies, parts=[0] * count + [1] * count)
    right = {pair.one for pair in pairs if pair.other == pair.one + count}
    wrong = {pair.one for pair in pairs if pair.other != pair.one + count}
    return len(right) / count, len(wrong) / count


@pytest.mark.slow
def test_copies_of_real_photos_are_found_and_hardly_anything_else(garbage6: Path) -> None:
    paths = sorted((garbage6 / "images").rglob("*.jpg"))
    found, false = found_and_false([cv2.imread(str(path))[..., ::-1] for path in paths])
    assert found >= 0.95
    assert false <= 0.01


def test_copies_of_photos_that_all_look_alike_are_found_and_nothing_else() -> None:
    found, false = found_and_false(generated(60))
    assert found >= 0.95
    assert false == 0


def test_a_pair_is_named_once_with_the_earlier_photo_first_and_the_most_alike_pair_leads() -> None:
    one, other = generated(2)
    cropped = one[4:, 5:-6]
    pairs = find_near_duplicates([thumbnail(rgb) for rgb in (cropped, one, jpeg(one, 90), other)])
    assert [pair[:2] for pair in pairs][0] == (1, 2)
    assert sorted(pair[:2] for pair in pairs) == [(0, 1), (0, 2), (1, 2)]
    assert all(0.9 <= pair.likeness <= 1.0001 for pair in pairs)


def test_it_does_not_matter_which_of_the_two_is_the_crop() -> None:
    one = generated(1)[0]
    pair = [thumbnail(one), thumbnail(one[10:, 10:])]
    assert len(find_near_duplicates(pair)) == len(find_near_duplicates(pair[::-1])) == 1


def test_photos_of_one_part_are_not_compared() -> None:
    small = thumbnail(generated(1)[0])
    assert [pair[:2] for pair in find_near_duplicates([small] * 3, parts=[0, 0, 1])] == [(0, 2), (1, 2)]


def test_pictures_without_any_step_are_like_no_other() -> None:
    plain = [thumbnail(np.full((60, 80, 3), shade, np.uint8)) for shade in (9, 9, 200)]
    assert find_near_duplicates(plain) == []
    assert find_near_duplicates([]) == []


def test_frames_of_one_scene_are_kept_together_though_they_are_no_copies() -> None:
    first, other = generated(2)
    turned = cv2.warpAffine(first, cv2.getRotationMatrix2D((64, 64), 6, 1.0), (128, 128), borderMode=cv2.BORDER_REFLECT)
    small = [thumbnail(rgb) for rgb in (first, other, turned)]
    assert find_near_duplicates(small) == []
    assert [pair[:2] for pair in find_near_duplicates(small, SCENE)] == [(0, 2)]
    assert group_scenes(small) == [0, 1, 0]


@pytest.fixture
def shared_photo(tmp_path: Path) -> DataFolder:
    """A data folder whose val holds a smaller crop of a train photo."""
    write_folder(tmp_path, {"train": [(60, 80), (60, 80)], "val": [(60, 80), (55, 77)], "test": [(60, 80)]})
    for name, photo in zip(("train/0", "train/1", "val/0", "test/0"), generated(4), strict=True):
        cv2.imwrite(str(tmp_path / f"{name}.png"), cv2.resize(photo, (80, 60), interpolation=cv2.INTER_AREA))
    train = cv2.imread(str(tmp_path / "train/1.png"))
    cv2.imwrite(str(tmp_path / "val/1.png"), train[2:57, 3:])
    return DataFolder(str(tmp_path))


@pytest.mark.reliability("leaks")
def test_the_check_warns_of_near_duplicates_in_two_splits(shared_photo: DataFolder) -> None:
    report = check_folder(shared_photo)
    assert report.findings == []
    (warning,) = report.warnings
    assert warning.where.endswith("val.json val/1.png")
    assert warning.message.startswith("looks like train/1.png in train (likeness 0.9")


@pytest.mark.reliability("leaks")
def test_equal_files_are_a_leak_and_no_near_duplicates(shared_photo: DataFolder) -> None:
    root = Path(shared_photo.path)
    (root / "val/0.png").write_bytes((root / "train/0.png").read_bytes())
    report = check_folder(shared_photo)
    assert [finding.message for finding in report.findings] == ["the same picture as val/0.png in val.json: a leak."]
    assert [warning.where.rsplit(" ")[-1] for warning in report.warnings] == ["val/1.png"]
