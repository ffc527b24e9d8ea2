"""The pictures that MLflow shows hold for any class names and for classes that never occur."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.pictures.class_iou_picture import draw_class_ious
from experiments.pictures.confusion_picture import draw_confusion
from experiments.pictures.curves_picture import draw_curves
from experiments.pictures.history_picture import draw_history
from experiments.results import TrialResult
from trashseg_core.checkpoint import Confusions

NAMES = ["Background", "$x^2$ {broken", "a name that is far too long for any axis of any picture", "never seen"]


@pytest.fixture
def scored() -> Confusions:
    per_image = np.random.default_rng(0).integers(0, 500, (6, 4, 4))
    per_image[:, 3], per_image[:, :, 3] = 0, 0
    return Confusions(per_image, [f"{number}.png" for number in range(6)], NAMES)


def ink(path: Path) -> float:
    """Share of the pixels that are not white."""
    with Image.open(path) as picture:
        return float((np.asarray(picture.convert("L")) < 250).mean())


@pytest.mark.parametrize("draw", [draw_confusion, draw_class_ious])
def test_the_same_scores_give_the_same_file(draw: object, scored: Confusions, tmp_path: Path) -> None:
    assert callable(draw)
    first, second = (draw(scored, tmp_path / name, "t0000: $5") for name in ("one.png", "two.png"))
    assert ink(first) > 0.02
    assert first.read_bytes() == second.read_bytes()


def test_rows_of_the_confusion_matrix_are_shares_of_the_true_class(scored: Confusions, tmp_path: Path) -> None:
    larger = Confusions(scored.per_image * np.array([1, 7, 3, 1])[None, :, None], scored.file_names, NAMES)
    one, other = (draw_confusion(these, tmp_path / "p.png", "x").read_bytes() for these in (scored, larger))
    assert one == other


def test_curves_and_history_are_drawn_of_the_least_there_can_be(tmp_path: Path) -> None:
    assert ink(draw_curves({1: {"val_miou": 0.1}}, tmp_path / "curves.png", "one epoch")) > 0.01
    failed = TrialResult("t0000", "failed", None, None, None, 0, {}, None, 0.0, "it broke")
    assert ink(draw_history([failed], "val_miou", tmp_path / "history.png")) > 0.001
    two = [TrialResult(f"t000{n}", "finished", 0.5 + n / 10, 0.4, 1, 1, {}, None, 1.0, None) for n in (0, 1)]
    assert ink(draw_history([*two, failed], "val_miou", tmp_path / "history.png")) > 0.01
