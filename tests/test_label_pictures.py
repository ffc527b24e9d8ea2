"""Class lists and label pictures that do not fit are refused; the message names line, value or colour."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny_sources import label_map
from trashseg_core.errors import BadInput
from trashseg_core.importers.label_pictures import read_class_list, read_label_picture


def read(tmp_path: Path, text: str) -> np.ndarray:
    """Read a label picture of the values 0 to 3 by a class list."""
    (tmp_path / "classes.txt").write_text(text, encoding="utf-8")
    picture = label_map(0, values=(0, 1, 2, 3))
    classes = read_class_list(tmp_path / "classes.txt")
    Image.fromarray(picture if classes.colours is None else picture[..., None].repeat(3, axis=2)).save(
        tmp_path / "a.png"
    )
    return read_label_picture(tmp_path / "a.png", classes, 255, 50)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("can\nshoe\n", "value 3 is no class; allowed: 0 to 2"),
        ("can\n\nshoe\nbag\n", "line 2 is empty"),
        ("can\nshoe\ncan\n", "line 3 names 'can' a second time"),
        ("Background\ncan\ncan\n", "line 3 names 'can' a second time"),
        ("can\nbackground\n", "line 2 is 'background', but only the first line"),
        ("\n", "the file is empty"),
        ("background\n", "0 classes besides the background"),
        ("0 0 0 can\nshoe\n", "line 2 is 'shoe', but must be `R G B NAME`"),
        ("0 0 300 can\n", "line 1 is '0 0 300 can'"),
        ("0 0 0 can\n0 0 0 bag\n", "line 2 gives the colour 0 0 0 a second time"),
        ("0 0 0 can\n1 1 1 shoe\n255 255 255 Void\n3 3 3 bag\n", "colour 2 2 2 is not in the colour table"),
    ],
)
def test_a_class_list_that_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


def test_the_number_of_classes_is_that_of_the_lines(tmp_path: Path) -> None:
    assert read(tmp_path, "can\nshoe\nbag").max() == 3
    assert read_class_list(tmp_path / "classes.txt").names == ("Background", "can", "shoe", "bag")


def test_more_pixels_than_the_cap_are_not_decoded(tmp_path: Path) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    with pytest.raises(BadInput, match="above the cap of 0.009 megapixels. Make it smaller, or raise"):
        read_label_picture(tmp_path / "a.png", None, 255, 0.009)
