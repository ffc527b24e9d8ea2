"""Polygons that cross themselves are found, whatever their size."""

import itertools

import numpy as np
import pytest

from trashseg_core.data.crossings import CHUNK_PAIRS, crosses_itself
from trashseg_core.data.segmentations import segmentation_mask

BOW_TIE = [0, 0, 10, 10, 10, 0, 0, 10]
STAR = [19.0, 10.0, 2.72, 15.29, 12.78, 1.44, 12.78, 18.56, 2.72, 4.71]


def circle(points: int, radius: float = 100) -> list[float]:
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([200 + radius * np.cos(angles), 200 + radius * np.sin(angles)], axis=1).ravel().tolist()


def crosses_by_definition(polygon: list[float]) -> bool:
    """All pairs of edges, with numbers that need no rounding."""
    points = [complex(x, y) for x, y in zip(polygon[::2], polygon[1::2], strict=True)]
    edges = list(zip(points, points[1:] + points[:1], strict=True))

    def side(a: complex, b: complex, point: complex) -> int:
        value = ((b - a).conjugate() * (point - a)).imag
        return (value > 0) - (value < 0)

    return any(
        side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
        for (a, b), (c, d) in itertools.combinations(edges, 2)
    )


@pytest.mark.parametrize("polygon", [BOW_TIE, STAR, BOW_TIE[2:] + BOW_TIE[:2]])
def test_a_polygon_that_crosses_itself_is_found(polygon: list[float]) -> None:
    assert crosses_itself(polygon)


@pytest.mark.parametrize(
    "polygon",
    [
        [0, 0, 10, 0, 5, 8],
        [0, 0, 10, 0, 10, 10, 0, 10],
        [0, 0, 10, 0, 10, 10, 0, 10, 0, 0],  # closed by hand
        [0, 0, 5, 5, 10, 0, 10, 10, 5, 5, 0, 10],  # two triangles that touch
        [0, 0, 10, 0, 5, 0, 5, 5],  # an edge on another one
        circle(1000),
    ],
)
def test_edges_that_only_touch_do_not_cross(polygon: list[float]) -> None:
    assert not crosses_itself(polygon)


@pytest.mark.parametrize("seed", range(60))
def test_the_answer_is_that_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 12, (int(rng.integers(3, 7)), 2)).ravel().tolist()
    assert crosses_itself(points) == crosses_by_definition(points)


def test_the_answers_differ() -> None:
    drawn = [np.random.default_rng(seed).integers(0, 12, 10).tolist() for seed in range(60)]
    assert 5 < sum(map(crosses_by_definition, drawn)) < 55


def test_a_crossing_among_many_edges_is_found() -> None:
    zigzag = [value for x in range(0, 2000, 2) for value in (0.0, x, 500.0, x + 1)]
    polygon = [*zigzag, 600, 2000, 600, -5]
    assert len(polygon) ** 2 / 8 > 2 * CHUNK_PAIRS and not crosses_itself(polygon)
    assert crosses_itself([*polygon[:-8], 250, -1, *polygon[-8:]])


def test_what_a_polygon_encloses_twice_is_painted_as_outside() -> None:
    """The middle of a pentagram: COCO's even-odd rule."""
    mask = segmentation_mask([STAR], 20, 20)
    assert mask.any() and not mask[10, 10]
