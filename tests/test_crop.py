"""The crop of a photo: of its scale, at every place of it, with padding only where the photo ends."""

import json

import cv2
import numpy as np
import pytest

from tests.tiny import annotation, coco, tiny_config
from trashseg_core.augment.crop import random_crop
from trashseg_core.augment.square import Square
from trashseg_core.data.dataset import open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.training.loader import TrainLoader

SIZE = 32


def blocks(side: int = 128, extent: tuple[int, int] | None = None) -> Square:
    """A photo of 8 px blocks: red says the row, green the column, blue the label; read-only, padded with 0 and 255."""
    height, width = extent or (side, side)
    rows, columns = np.indices((height, width)) // 8
    label = 2 * ((rows + columns) % 5)
    image, labels = np.zeros((side, side, 3), np.uint8), np.full((side, side), 255, np.uint8)
    image[:height, :width] = np.stack([16 + 8 * rows, 16 + 8 * columns, 25 * label], axis=2)
    labels[:height, :width] = label
    for array in (image, labels):
        array.flags.writeable = False
    return Square(image, labels, (height, width))


def crops(square: Square, scales: tuple[float, float], count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [random_crop(square, SIZE, scales, np.random.default_rng(seed)) for seed in range(count)]


def block_size(image: np.ndarray) -> float:
    """Side of a block in px, from the slope of the row colours."""
    red = image[: (image[:, 0, 0] > 0).sum(), 0, 0].astype(float)
    return 8 / np.polyfit(np.arange(len(red)), red, 1)[0] if len(red) > 16 else np.nan


def test_without_scaling_a_crop_is_a_piece_of_the_photo_itself() -> None:
    square = blocks()
    places = set()
    for image, labels in crops(square, (1, 1), 100):
        found = cv2.matchTemplate(square.image, image, cv2.TM_SQDIFF)
        top, left = np.unravel_index(found.argmin(), found.shape)
        window = np.s_[top : top + SIZE, left : left + SIZE]
        if np.array_equal(square.image[window], image):
            places.add((top // 32, left // 32))
        assert (image[..., 2] == 25 * labels).all() and not (labels == 255).any()
    assert len(places) >= 9


def test_crops_reach_every_edge_of_the_photo() -> None:
    images = [image for image, _ in crops(blocks(), (1, 1), 600)]
    for channel in (0, 1):  # red: the row, green: the column
        assert min(image[0, 0, channel] for image in images) == 16
        assert max(image[-1, -1, channel] for image in images) == 16 + 8 * 15
    small = blocks(extent=(33, 33))
    assert {image[-1, -1].tobytes() for image, _ in crops(small, (1, 1), 60)} >= {small.image[32, 32].tobytes()}
    assert {image[0, -1].tobytes() for image, _ in crops(small, (1, 1), 60)} >= {small.image[0, 32].tobytes()}


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0, 1.5, 2.0])
def test_a_photo_is_scaled_by_the_factor(scale: float) -> None:
    for image, _ in crops(blocks(), (scale, scale), 5):
        assert block_size(image) == pytest.approx(8 * scale, rel=0.15)


def test_factors_are_log_uniform_between_the_ends() -> None:
    sizes = np.array([block_size(image) for image, _ in crops(blocks(), (0.5, 2.0), 300)]) / 8
    assert 0.4 < np.nanmin(sizes) < 0.62 and 1.7 < np.nanmax(sizes) < 2.9
    assert np.mean(sizes < 1) == pytest.approx(0.5, abs=0.1)
    assert np.mean(sizes < np.sqrt(0.5)) == pytest.approx(0.25, abs=0.09)


@pytest.mark.parametrize("scales", [(1, 1), (0.4, 0.9), (1.1, 3.0)])
def test_labels_move_with_their_pixels(scales: tuple[float, float]) -> None:
    for image, labels in crops(blocks(), scales, 20):
        flat = np.abs(image[..., 2].astype(int) - 25 * labels) < 10
        assert flat[labels != 255].mean() > 0.6
        assert set(np.unique(labels)) <= {0, 2, 4, 6, 8, 255}


@pytest.mark.parametrize(("extent", "filled"), [((20, 128), (20, 32)), ((128, 9), (32, 9)), ((128, 1), (32, 1))])
def test_only_the_side_on_which_the_photo_is_shorter_is_padded(
    extent: tuple[int, int], filled: tuple[int, int]
) -> None:
    for image, labels in crops(blocks(extent=extent), (1, 1), 10):
        padding = np.ones((SIZE, SIZE), bool)
        padding[: filled[0], : filled[1]] = False
        assert np.array_equal(labels == 255, padding)
        assert (image[padding] == 0).all() and (image[~padding][:, :2] >= 16).all()


def test_a_photo_that_is_scaled_below_the_crop_is_shown_whole() -> None:
    for image, labels in crops(blocks(side=64), (0.25, 0.25), 5):
        assert ((labels != 255) == (np.indices((SIZE, SIZE)) < 16).all(axis=0)).all()
        assert image[0, 0, 0] == 16 or image[0, 0, 0] == pytest.approx(16, abs=6)


def test_crops_within_the_photo_show_no_padding() -> None:
    for _, labels in crops(blocks(extent=(70, 128)), (0.5, 2.0), 100):
        assert not (labels == 255).any()


def test_shapes_and_types() -> None:
    for image, labels in crops(blocks(extent=(50, 128)), (0.3, 3.0), 30):
        assert (image.shape, image.dtype, labels.shape, labels.dtype) == ((32, 32, 3), np.uint8, (32, 32), np.uint8)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """Photos of odd sizes, one of them grey: white on the annotated square from (2, 2) to (10, 10), else dark."""
    folder, names = tmp_path_factory.mktemp("odd"), {}
    for split, sizes in {"train": [(12, 13), (301, 17), (33, 257), (640, 427)], "val": [(50, 49)]}.items():
        (folder / split).mkdir()
        images = []
        for number, (height, width) in enumerate(sizes):
            shape = (height, width) if number == 1 else (height, width, 3)
            picture = np.full(shape, 60, np.uint8)
            picture[2:10, 2:10] = 250
            assert cv2.imwrite(str(folder / split / f"{number}.png"), picture)
            images.append({"id": number, "file_name": f"{split}/{number}.png", "height": height, "width": width})
        annotations = [annotation(number, 1) for number in range(len(sizes))]
        names[split] = coco(images=images, annotations=annotations)
        (folder / f"{split}.json").write_text(json.dumps(names[split]), encoding="utf-8")
    return DataFolder(str(folder))


@pytest.mark.parametrize(
    ("source", "scales"), [(128, (1.0, 1.0)), (64, (0.3, 2.5)), (0, (0.5, 2.0)), (256, (0.5, 0.5))]
)
def test_odd_and_grey_photos_become_full_samples(odd: DataFolder, source: int, scales: tuple[float, float]) -> None:
    config = tiny_config(source_size=source, scale_min=scales[0], scale_max=scales[1], augment="none")
    data = open_data(odd, config)
    assert data.train.images.shape[1] == (source or 64)
    loader, seen = TrainLoader(config, data), 0
    for epoch in range(1, 9):
        for batch in loader.epoch(epoch):
            assert batch.images.shape == (4, 3, 64, 64) and batch.target.shape == (4, 64, 64)
            bright, target = batch.images.amin(dim=1) > 155, batch.target
            assert set(target.unique().tolist()) <= {0, 1, 255}
            assert (bright == (target == 1))[target != 255].float().mean() > 0.97
            assert (batch.images.amax(dim=1)[target == 255] == 0).all()
            seen += int((target == 1).sum())
    assert seen > 0


def test_source_size_alone_turns_cropping_on_and_neither_leaves_the_photo_whole(odd: DataFolder) -> None:
    whole = tiny_config(augment="none")
    data = open_data(odd, whole)
    image = TrainLoader(whole, data).sample(3, 1, 0).image
    assert np.array_equal(image, data.train.images[3])
    cropping = tiny_config(augment="none", source_size=128)
    data = open_data(odd, cropping)
    crops = {TrainLoader(cropping, data).sample(0, 1, place).image.tobytes() for place in range(20)}
    assert len(crops) > 1
