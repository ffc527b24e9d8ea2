"""The outlines of a sample photo are the truth about its picture."""

from collections.abc import Iterator

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from trashseg_core.data import sample_photos
from trashseg_core.data.sample_canvas import Canvas, box
from trashseg_core.data.sample_data import SHARES
from trashseg_core.data.sample_objects import OBJECTS
from trashseg_core.data.sample_photos import PlacedObject, draw_photo


def mask_of(outline: np.ndarray, size: int) -> np.ndarray:
    """Rasterise a polygon (N, 2) as pycocotools does, bool (size, size)."""
    return np.asarray(coco_mask.decode(coco_mask.frPyObjects([outline.ravel().tolist()], size, size)))[..., 0] > 0


def crowded_photos(size: int) -> Iterator[list[PlacedObject]]:
    """Photos of every class at once, more than a data set shows."""
    for seed in range(8):
        yield draw_photo(list(SHARES), size, np.random.default_rng(seed))[1]


@pytest.mark.parametrize("size", [64, 200])
def test_every_object_asked_for_is_placed(size: int) -> None:
    for placed in crowded_photos(size):
        assert sorted(thing.name for thing in placed) == sorted(SHARES)


@pytest.mark.parametrize("size", [64, 200])
def test_outlines_lie_inside_the_photo_and_have_three_points_or_more(size: int) -> None:
    for placed in crowded_photos(size):
        for thing in placed:
            assert len(thing.outline) >= 3
            assert 0 <= thing.outline.min() <= thing.outline.max() <= size


def test_objects_come_as_drawn_the_largest_first() -> None:
    for placed in crowded_photos(64):
        areas = [thing.area for thing in placed]
        assert areas == sorted(areas, reverse=True)


@pytest.mark.parametrize("size", [64, 200])
def test_pycocotools_paints_every_outline_with_about_its_area(size: int) -> None:
    for placed in crowded_photos(size):
        for thing in placed:
            assert mask_of(thing.outline, size).sum() == pytest.approx(thing.area, rel=0.15, abs=8), thing.name


def test_objects_leave_most_of_each_other_visible() -> None:
    for seed in range(8):
        painted = np.zeros((128, 128), int)
        _, placed = draw_photo(["Paper", "Glass", "Plastic bag", "Plastic"], 128, np.random.default_rng(seed))
        masks = [mask_of(thing.outline, 128) for thing in placed]
        for number, mask in enumerate(masks, start=1):
            painted[mask] = number
        shares = [(painted == number).sum() / mask.sum() for number, mask in enumerate(masks, start=1)]
        assert min(shares) > 0.3, seed


@pytest.mark.parametrize("name", OBJECTS)
def test_the_polygon_follows_the_drawn_silhouette(name: str) -> None:
    for seed in range(4):
        canvas = Canvas(40, np.random.default_rng(seed))
        OBJECTS[name][0](canvas)
        _, alpha, outline = canvas.finish()
        size = len(alpha)
        truth = mask_of(outline + size / 2, size)
        drawn = alpha > 0.5 * np.median(alpha[truth])
        assert (truth & drawn).sum() / (truth | drawn).sum() > 0.96, seed


@pytest.mark.parametrize("seed", range(4))
def test_the_photo_shows_an_object_where_its_outline_is(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    def red_slab(canvas: Canvas) -> None:
        canvas.body(box(0.4, 0.9), (0.9, 0.1, 0.1))

    monkeypatch.setitem(OBJECTS, "Paper", (red_slab, (0.2, 0.3)))
    monkeypatch.setattr(sample_photos, "draw_ground", lambda size, rng: np.full((size, size, 3), 0.5, np.float32))
    photo, (slab,) = draw_photo(["Paper"], 128, np.random.default_rng(seed))
    inside = mask_of(slab.outline, 128)
    red = photo[..., 0].astype(int) - photo[..., 1] > 100
    assert (inside & red).sum() / (inside | red).sum() > 0.96
