"""The bars of classes: what the matrices say, with the bootstrap's intervals."""

import html

import numpy as np
import pytest

from experiments.sections.classes_section import class_ious
from trashseg_core.bootstrap import iou_intervals
from trashseg_core.checkpoint import Confusions


def test_classes_in_figures_stay_text_and_absent_ones_have_no_bar() -> None:
    per_image = np.zeros((1, 3, 3), np.int64)
    per_image[0, 0, 0], per_image[0, 2, 2], per_image[0, 2, 0] = 50, 30, 10
    drawn = class_ious({"t0000": Confusions(per_image, ["a"], ["Background", "Paper", "<a href='x'>"])})
    values = dict(zip(drawn.layout.yaxis.ticktext, drawn.data[0].x, strict=True))
    assert values[html.escape("<a href='x'> · 1", quote=False)] == pytest.approx(0.75)
    assert values["Paper · 0"] is None


def test_classes_whose_long_names_start_alike_keep_bars_of_their_own() -> None:
    names = ["Background", *("a very long name of a class of trash, number " + digit for digit in "123")]
    drawn = class_ious({"t0000": Confusions(np.eye(4, dtype=np.int64)[None], ["a"], names)})
    assert len(set(drawn.data[0].y)) == 4


def test_bars_of_error_are_the_90_percent_interval_of_each_class() -> None:
    per_image = np.random.default_rng(0).integers(1, 90, (12, 3, 3)) + 200 * np.eye(3, dtype=np.int64)
    bars = class_ious({"t0000": Confusions(per_image, ["a"] * 12, ["Background", "Paper", "Battery"])}).data[0]
    labels = [["Background", "Paper", "Battery"].index(text.split(",")[0]) for text in bars.text]
    low, high = iou_intervals(per_image)[labels].T
    np.testing.assert_allclose(np.array(bars.x) - bars.error_x.arrayminus, low)
    np.testing.assert_allclose(np.array(bars.x) + bars.error_x.array, high)


def test_a_class_in_one_photo_has_a_bar_without_an_interval() -> None:
    per_image = np.zeros((4, 2, 2), np.int64)
    per_image[:, 0, 0], per_image[0, 1, 1] = 10, 5
    bars = class_ious({"t0000": Confusions(per_image, ["a"] * 4, ["Background", "Battery"])}).data[0]
    assert list(bars.error_x.array) == [0, 0] and list(bars.x) == [1, 1]
    assert any("Battery, t0000: 1.000, too few photos for an interval" in text for text in bars.text)
