"""Overlays and panels show each pixel's class, for photos and names of any kind."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ImageFont

from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import paint
from trashseg_core.data.photos import read_photo
from trashseg_core.inference import overlay
from trashseg_core.inference.overlay import FONT_PX, GAP_PX, TILE_PX, WRONG, class_colours, draw_overlay, draw_panel

NAMES = ["Background", "Paper", "Battery"]
GREY = np.full((60, 80, 3), 128, np.uint8)


def maps(height: int = 60, width: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """A truth with the left third of class 1, and a prediction that also has a square of class 2."""
    truth = np.zeros((height, width), np.uint8)
    truth[:, : width // 3] = 1
    prediction = truth.copy()
    prediction[height // 4 : height // 2, width // 2 : width * 3 // 4] = 2
    return truth, prediction


def tile(panel: np.ndarray, number: int, height: int, width: int = TILE_PX) -> np.ndarray:
    """One of the four pictures of a panel."""
    left, top = GAP_PX + number * (TILE_PX + GAP_PX), GAP_PX + 2 * (FONT_PX + 10)
    return panel[top : top + height, left : left + width]


def redness(picture: np.ndarray, least: int = 90) -> np.ndarray:
    """Pixels that are at least so much redder than green, bool (H, W)."""
    return picture[..., 0].astype(int) - picture[..., 1] >= least


@pytest.mark.parametrize("num_classes", [1, 2, 11, 13, 61, 255])
def test_every_class_has_a_colour_of_its_own(num_classes: int) -> None:
    colours = class_colours(num_classes)
    assert (colours.shape, colours.dtype) == ((num_classes, 3), np.uint8)
    assert len({tuple(colour) for colour in colours.tolist()}) == num_classes


def test_the_colours_of_a_dozen_classes_are_far_apart() -> None:
    lab = cv2.cvtColor(class_colours(13)[None, 1:].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    distance = np.linalg.norm(lab[:, None] - lab, axis=2) + 1000 * np.eye(len(lab))
    assert distance.min() > 20


def test_a_class_keeps_its_colour_when_there_are_more_classes() -> None:
    assert np.array_equal(class_colours(61)[:20], class_colours(20))


def test_a_caller_cannot_change_the_colours_of_others() -> None:
    class_colours(5)[1] = 0
    assert class_colours(5)[1].any()


def test_the_background_of_an_overlay_is_the_photo() -> None:
    truth, _ = maps()
    away = draw_overlay(GREY, truth)[:, 80 // 3 + 4 :]
    assert (away == 128).all()


def test_an_overlay_blends_the_class_colour_by_alpha() -> None:
    truth, _ = maps()
    painted = draw_overlay(GREY, truth, alpha=0.25)[30, 5].astype(float)
    np.testing.assert_allclose(painted, 0.75 * 128 + 0.25 * class_colours(2)[1], atol=1)


def test_an_overlay_outlines_regions_in_their_full_colour() -> None:
    truth, _ = maps()
    assert (draw_overlay(GREY, truth)[30, 80 // 3 - 1] == class_colours(2)[1]).all()


def test_an_overlay_leaves_the_photo_that_it_was_given_alone() -> None:
    photo = GREY.copy()
    draw_overlay(photo, np.full((60, 80), 255, np.uint8))
    assert (photo == 128).all()


def test_ignored_pixels_are_hatched_grey() -> None:
    labels = np.full((60, 80), 255, np.uint8)
    painted = draw_overlay(np.full((60, 80, 3), (200, 30, 30), np.uint8), labels).astype(int)
    assert len(np.unique(painted[..., 0])) == 2
    assert np.ptp(painted, axis=2).max() < 60


def test_the_last_tile_is_red_where_the_prediction_is_wrong_and_nowhere_else() -> None:
    truth, prediction = maps()
    panel = draw_panel(GREY, truth, prediction, NAMES, "photo")
    errors = tile(panel, 3, 240)
    wrong = cv2.resize((truth != prediction).astype(np.uint8), (320, 240), interpolation=cv2.INTER_NEAREST_EXACT)
    assert np.array_equal(redness(errors), wrong == 1)


def test_ignored_pixels_are_not_errors() -> None:
    truth, prediction = maps()
    truth[prediction == 2] = 255
    assert not redness(tile(draw_panel(GREY, truth, prediction, NAMES, "photo"), 3, 240), least=9).any()


def test_a_panel_shows_the_photo_first() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (TILE_PX, TILE_PX, 3), dtype=np.uint8)
    truth, prediction = maps(TILE_PX, TILE_PX)
    assert np.array_equal(tile(draw_panel(photo, truth, prediction, NAMES, "photo"), 0, TILE_PX), photo)


def test_the_legend_lists_only_the_classes_that_occur() -> None:
    truth, prediction = maps()
    both, one = (draw_panel(GREY, truth, some, NAMES, "photo")[-34:] for some in (prediction, truth))
    paper, battery = (tuple(class_colours(3)[label].tolist()) for label in (1, 2))
    assert {paper, battery, WRONG} <= {tuple(pixel) for pixel in both.reshape(-1, 3).tolist()}
    assert battery not in {tuple(pixel) for pixel in one.reshape(-1, 3).tolist()}


def test_a_legend_of_sixty_classes_wraps_inside_the_panel() -> None:
    labels = np.arange(61, dtype=np.uint8).repeat(100).reshape(61, 100)
    names = [f"class with a long name {number}" for number in range(61)]
    panel = draw_panel(np.zeros((61, 100, 3), np.uint8), labels, labels, names, "photo")
    assert panel.shape[1] == 4 * (TILE_PX + GAP_PX) + GAP_PX
    assert panel.shape[0] > 195 + 12 * 24


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (2500, 1700), (33, 500)])
def test_photos_of_any_size_fit_into_their_tiles(size: tuple[int, int]) -> None:
    labels = np.zeros(size, np.uint8)
    panel = draw_panel(np.zeros((*size, 3), np.uint8), labels, labels, NAMES, "photo")
    assert 4 * (150 + GAP_PX) + GAP_PX <= panel.shape[1] <= 4 * (TILE_PX + GAP_PX) + GAP_PX  # titles need room too
    assert panel.shape[0] <= TILE_PX + 120


@pytest.mark.parametrize("font", ["system", "pillow"])
@pytest.mark.parametrize(
    "name", ["śmieci ß", "紙パック", "🗑\n\t\0", "\ud800", "<script>", "x" * 500, " ", "\u202e\u0301"]
)
def test_names_of_any_kind_are_drawn(name: str, font: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if font == "pillow":
        monkeypatch.setattr(overlay, "font", lambda: ImageFont.load_default(FONT_PX))
    overlay._legible_character.cache_clear()
    truth, prediction = maps()
    panel = draw_panel(GREY, truth, prediction, ["Background", name, name + "2"], name)
    overlay._legible_character.cache_clear()
    assert panel.shape[:2] == (GAP_PX * 2 + 240 + 3 * (FONT_PX + 10) + GAP_PX // 2, 1330)


def test_letters_that_the_font_lacks_become_ascii_or_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay, "font", lambda: ImageFont.load_default(FONT_PX))
    overlay._legible_character.cache_clear()
    assert overlay.legible("łódź 紙\n") == "?odz ??"
    overlay._legible_character.cache_clear()


def test_a_photo_of_which_nothing_counts_is_drawn() -> None:
    nothing = np.full((60, 80), 255, np.uint8)
    assert draw_panel(GREY, nothing, np.zeros_like(nothing), NAMES, "photo").shape[1] == 1330


def test_generated_photos_are_drawn_with_their_own_classes(sample_folder: Path) -> None:
    folder = DataFolder(str(sample_folder))
    split = folder.read("val")
    labels, names = folder.labels(split)
    photo = split.photos[0]
    truth = paint(split.annotations[photo.id], labels, photo.height, photo.width)
    panel = draw_panel(read_photo(folder.photo_path(photo)), truth, truth, names, photo.file_name)
    assert not redness(tile(panel, 3, TILE_PX)).any()
    assert (tile(panel, 1, TILE_PX) != tile(panel, 0, TILE_PX)).any()
