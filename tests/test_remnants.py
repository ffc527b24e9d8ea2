"""Remnants: crumbs that a paste leaves of an object are ignored, everything else keeps its label."""

import numpy as np
import pytest

from trashseg_core.augment.pasting import _blend
from trashseg_core.augment.remnants import FRAME, ignore_remnants

SIZE = 128
CRUMB = 16
"""Fewer pixels than this are a crumb at 128 px."""


def covered(labels: np.ndarray, top: int, left: int, height: int, width: int, label: int = 9) -> np.ndarray:
    """Labels after an opaque rectangle of a label was laid over them and its remnants were ignored."""
    after = labels.copy()
    lost = after[top : top + height, left : left + width].copy()
    after[top : top + height, left : left + width] = label
    ignore_remnants(after, np.pad(lost, FRAME), top, left)
    return after


def with_block(top: int, left: int, height: int, width: int, label: int = 3) -> np.ndarray:
    labels = np.zeros((SIZE, SIZE), np.uint8)
    labels[top : top + height, left : left + width] = label
    return labels


@pytest.mark.parametrize(("left_over", "ignored"), [(CRUMB - 1, True), (CRUMB, False)])
def test_a_remnant_is_ignored_when_it_is_smaller_than_a_32nd_of_the_side_squared(left_over: int, ignored: bool) -> None:
    after = covered(with_block(20, 30, 1, 10 + left_over), 15, 30, 20, 10)
    assert (after == 255).sum() == (left_over if ignored else 0)
    assert (after == 3).sum() == (0 if ignored else left_over)


@pytest.mark.parametrize(("left_over", "ignored"), [(63, True), (64, False)])
def test_the_minimum_grows_with_the_sample(left_over: int, ignored: bool) -> None:
    labels = np.zeros((256, 256), np.uint8)
    labels[20, 30 : 40 + left_over] = 3
    after = labels.copy()
    after[15:35, 30:40] = 9
    ignore_remnants(after, np.pad(labels[15:35, 30:40], FRAME), 15, 30)
    assert (after == 255).sum() == (left_over if ignored else 0)


@pytest.mark.parametrize("corner", [(0, 0), (0, 124), (124, 0), (124, 124)])
def test_crumbs_in_the_corners_of_the_sample_are_found(corner: tuple[int, int]) -> None:
    after = covered(with_block(*corner, 4, 4), *corner, 3, 4)
    assert (after == 255).sum() == 4 and (after == 3).sum() == 0


def test_crumbs_of_every_class_are_ignored() -> None:
    labels = with_block(20, 20, 4, 3) + with_block(40, 20, 4, 3, 4)
    after = covered(labels, 22, 18, 20, 20)
    assert (after[20:22, 20:23] == 255).all() and (after[42:44, 20:23] == 255).all()
    assert (after == 255).sum() == 12 and set(np.unique(after)) == {0, 9, 255}


def test_the_large_part_of_an_object_stays_when_a_crumb_of_it_is_ignored() -> None:
    after = covered(with_block(20, 20, 30, 3), 22, 15, 10, 20)
    assert (after == 255).sum() == 6 and (after == 3).sum() == 18 * 3


def test_a_small_object_that_lost_nothing_stays() -> None:
    labels = with_block(20, 20, 3, 3)
    labels[30:50, 30:50] = 3
    after = covered(labels, 23, 20, 30, 30)
    assert (after[20:23, 20:23] == 3).all()


def test_a_small_object_beside_lost_pixels_of_another_class_stays() -> None:
    labels = with_block(20, 20, 3, 3)
    labels[23:40, 20:40] = 4
    after = covered(labels, 23, 20, 17, 20)
    assert (after == 3).sum() == 9 and not (after == 255).any()


def test_what_touches_at_a_corner_only_counts_as_one_part() -> None:
    labels = with_block(20, 20, 10, 10)
    labels[30:60, 30:60] = 3
    after = covered(labels, 20, 20, 9, 10)
    assert not (after == 255).any()  # 10 px, and by their corner the large block


def test_a_crumb_that_goes_on_beyond_the_window_counts_as_a_whole() -> None:
    labels = with_block(20, 30, 1, 90)
    assert not (covered(labels, 15, 30, 20, 10) == 255).any()


def test_a_large_object_with_a_hole_keeps_its_label() -> None:
    labels = with_block(20, 20, 60, 60)
    after = covered(labels, 40, 40, 4, 4)
    assert (after == 3).sum() == 3600 - 16 and not (after == 255).any()


def test_ignored_pixels_and_background_have_no_remnants() -> None:
    labels = with_block(20, 20, 3, 3, 255)
    after = covered(labels, 22, 20, 20, 20)
    assert (after == 255).sum() == 6 and (after == 0).sum() == SIZE * SIZE - 6 - 400


@pytest.mark.parametrize(("side", "ignored"), [(6, 11), (10, 0)])
def test_a_paste_ignores_the_remnants_of_what_it_covers(side: int, ignored: int) -> None:
    image, labels = np.zeros((SIZE, SIZE, 3), np.uint8), with_block(40, 40, side, side)
    patch, spans = np.full(400, 0xFFFFFFFF, np.uint32), np.tile([0, 20], (20, 1))
    lost, covers = _blend(image, labels, patch, spans, np.uint8(7), 41, 41, 20)
    assert covers and np.count_nonzero(lost) == (side - 1) ** 2
    ignore_remnants(labels, lost, 41, 41)
    assert (labels == 7).sum() == 400
    assert (labels == 255).sum() == ignored and (labels == 3).sum() == (0 if ignored else 19)
