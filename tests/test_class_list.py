"""Classes may be listed by name or slug, in any case; what is none is refused with those there are."""

import numpy as np
import pytest

from trashseg_core.augment.class_list import listed_labels
from trashseg_core.errors import BadInput

NAMES = ["Background", "Paper", "Paper pack", "Metal, cans", "Battery", "電池"]
OFFERED = np.array([4, 2, 1, 3, 4, 5])


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", [1, 2, 3, 4, 5]),
        (" , ", [1, 2, 3, 4, 5]),
        ("battery", [4]),
        ("BATTERY,Paper", [1, 4]),
        ("paper_pack", [2]),
        (" Paper Pack ,paper", [1, 2]),
        ("battery,Battery", [4]),
        ("metal_cans", [3]),
        ("電池", [5]),
        ("class_5", [5]),
    ],
)
def test_names_and_slugs_stand_for_labels(text: str, labels: list[int]) -> None:
    assert listed_labels("augmix_classes", text, NAMES, OFFERED).tolist() == labels


@pytest.mark.parametrize("text", ["battry", "paper,battry", "Battry, metal_cans"])
def test_an_unknown_name_is_refused_with_the_nearest_and_all_that_have_objects(text: str) -> None:
    message = (
        "`augmix_classes` lists `battry`, .*: paper, paper_pack, metal_cans, battery, class_5. Did you mean `battery`"
    )
    with pytest.raises(BadInput, match=message):
        listed_labels("augmix_classes", text, NAMES, OFFERED)


@pytest.mark.parametrize("text", ["background", "metal_cans"])
def test_a_class_without_objects_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=f"lists `{text}`, but must list classes with objects: paper, battery"):
        listed_labels("augmix_classes", text, NAMES, np.array([1, 4]))
