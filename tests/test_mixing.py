"""Mosaic, CutMix and ClassMix take image and labels from the same photo, pixel by pixel, and no padding."""

import numpy as np
import pytest

from trashseg_core.augment.mixing import classmix, cutmix, mosaic
from trashseg_core.augment.square import Square

SIZE = 64


def photo(number: int, extent: tuple[int, int] = (SIZE, SIZE), label: int | None = None) -> Square:
    """A photo of one colour, 10 x its number, and one label; read-only, like the cache's."""
    image, labels = np.zeros((SIZE, SIZE, 3), np.uint8), np.full((SIZE, SIZE), 255, np.uint8)
    image[: extent[0], : extent[1]] = 10 * number
    labels[: extent[0], : extent[1]] = number if label is None else label
    for array in (image, labels):
        array.flags.writeable = False
    return Square(image, labels, extent)


def drawn(number: int, classes: list[int], ground: int = 0) -> Square:
    """A photo of 8 px wide stripes of the given classes on the background; every pixel of its own colour."""
    labels = np.full((SIZE, SIZE), ground, np.uint8)
    for place, label in enumerate(classes):
        labels[:, 8 * place : 8 * place + 8] = label
    image = np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    return Square(image, labels, (SIZE, SIZE))


class Fixed:
    """Stands in for a generator: a given λ and a given centre."""

    def __init__(self, ratio: float, centre: tuple[int, int]) -> None:
        self._ratio, self._centre = ratio, list(centre)

    def beta(self, *alphas: float) -> float:
        assert alphas == (1, 1)
        return self._ratio

    def integers(self, high: int) -> int:
        return self._centre.pop(0) % high


def test_a_mosaic_shows_four_photos_around_a_centre() -> None:
    centres = []
    for seed in range(60):
        result = mosaic([photo(number) for number in (1, 2, 3, 4)], np.random.default_rng(seed))
        assert (result.image == 10 * result.labels[..., None]).all()
        assert result.labels[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [1, 2, 3, 4]
        row, column = (result.labels[:, 0] == 1).sum(), (result.labels[0] == 1).sum()
        expected = np.repeat(np.repeat([[1, 2], [3, 4]], [row, SIZE - row], 0), [column, SIZE - column], 1)
        assert np.array_equal(result.labels, expected)
        centres.append((row, column))
    assert 0.25 * SIZE <= np.min(centres) < 0.3 * SIZE and 0.7 * SIZE < np.max(centres) <= 0.75 * SIZE


@pytest.mark.parametrize("extent", [(64, 20), (9, 64), (1, 64), (33, 47)])
def test_a_mosaic_of_photos_with_padding_has_none(extent: tuple[int, int]) -> None:
    for seed in range(20):
        result = mosaic([photo(number, extent) for number in (1, 2, 3, 4)], np.random.default_rng(seed))
        assert result.extent == (SIZE, SIZE) and not (result.labels == 255).any() and result.image.min() == 10


def test_labels_of_a_mosaic_lie_on_their_pixels() -> None:
    """Photos whose left half is bright and class 2: in the mosaic, class 2 is bright."""
    image, labels = np.full((SIZE, SIZE, 3), 30, np.uint8), np.ones((SIZE, SIZE), np.uint8)
    image[:, :32], labels[:, :32] = 230, 2
    for seed in range(20):
        result = mosaic([Square(image, labels, (SIZE, SIZE))] * 4, np.random.default_rng(seed))
        assert ((result.image[..., 0] > 130) == (result.labels == 2)).mean() > 0.98


def test_a_mosaic_keeps_proportions_and_shows_photos_at_their_own_scale_down_to_half() -> None:
    """Vertical and horizontal stripes of 8 px keep one width in both directions, between 4 and 8 px."""
    rows, columns = np.indices((SIZE, SIZE)) // 8 % 2
    widths = []
    for seed in range(30):
        stripes = [
            Square(np.zeros((SIZE, SIZE, 3), np.uint8), one.astype(np.uint8), (SIZE, SIZE)) for one in (rows, columns)
        ]
        labels = mosaic([stripes[0], stripes[0], stripes[1], stripes[1]], np.random.default_rng(seed)).labels
        widths.append(SIZE / max(1, (np.diff(labels[-1].astype(int)) != 0).sum()))
    assert 3.3 < min(widths) < 5.5 and 6 < max(widths) < 11


@pytest.mark.parametrize(("share", "shown"), [(0.0, 32), (1.0, 64)])
def test_a_quarter_of_a_mosaic_shows_half_of_a_photo_s_sides_up_to_all(share: float, shown: int) -> None:
    """Every pixel of the photo has a colour of its own, so that the shown ones can be counted."""

    class Ends(np.random.Generator):
        def uniform(self, low: float, high: float) -> float:  # type: ignore[override]
            return 0.5 if low == 0.25 else low + share * (high - low)

    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(SIZE) * 4, np.arange(SIZE)[:, None] * 4
    one = Square(image, np.zeros((SIZE, SIZE), np.uint8), (SIZE, SIZE))
    quarter = mosaic([one] * 4, Ends(np.random.PCG64(0))).image[:32, :32].astype(int)
    spread = (quarter[-1, -1, :2] - quarter[0, 0, :2]) / 4 * 32 / 31
    assert spread == pytest.approx([shown, shown], abs=1.5)


@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 0.9])
def test_cutmix_replaces_a_rectangle_of_share_1_minus_lambda(ratio: float) -> None:
    result = cutmix(photo(1), photo(2), Fixed(ratio, (32, 32)))
    side = round(np.sqrt(1 - ratio) * SIZE)
    assert (result.labels == 2).sum() == side**2
    assert (result.image == 10 * result.labels[..., None]).all()
    rows, columns = np.nonzero(result.labels == 2)
    assert rows.min() == columns.min() == 32 - side // 2


def test_cutmix_cuts_off_what_lies_outside() -> None:
    result = cutmix(photo(1), photo(2), Fixed(0.75, (0, 63)))
    assert (result.labels == 2).sum() == 16 * 17 and (result.labels[:16, 47:] == 2).all()


def test_cutmix_keeps_the_rectangle_s_shape_to_that_of_the_photo() -> None:
    result = cutmix(photo(1, (32, 64)), photo(2), Fixed(0.75, (16, 32)))
    assert (result.labels == 2).sum() == 16 * 32 and result.extent == (32, 64)


@pytest.mark.parametrize(("extent", "other"), [((40, 64), (64, 64)), ((64, 64), (64, 30)), ((10, 64), (64, 10))])
def test_cutmix_and_classmix_take_no_padding_and_leave_it(extent: tuple[int, int], other: tuple[int, int]) -> None:
    taken = 0
    for mix in (cutmix, classmix):
        for seed in range(30):
            result = mix(photo(1, extent), photo(2, other), np.random.default_rng(seed))
            assert np.array_equal(result.labels == 255, photo(1, extent).labels == 255)
            assert (result.image[result.labels == 255] == 0).all() and result.extent == extent
            taken += int((result.labels == 2).sum())
    assert taken > 0


def test_cutmix_draws_lambda_uniformly() -> None:
    """Inner rectangles alone: E[share] = 1/2 without the cutting off, a little above 1/4 with it."""
    shares = [(cutmix(photo(1), photo(2), np.random.default_rng(seed)).labels == 2).mean() for seed in range(400)]
    rng = np.random.default_rng(0)
    side, centre = np.sqrt(rng.random((100_000, 1))), rng.random((100_000, 2))
    expected = (np.minimum(centre + side / 2, 1) - np.maximum(centre - side / 2, 0)).prod(axis=1).mean()
    assert np.mean(shares) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize(("classes", "count"), [([1], 1), ([1, 2], 1), ([1, 2, 3], 2), ([1, 2, 3, 4, 5], 3)])
def test_classmix_takes_half_of_the_classes_rounded_up(classes: list[int], count: int) -> None:
    own, other = drawn(0, [], ground=9), drawn(1, classes)
    chosen = set()
    for seed in range(60):
        result = classmix(own, other, np.random.default_rng(seed))
        taken = set(np.unique(result.labels).tolist()) - {9}
        assert len(taken) == count and taken <= set(classes)
        where = np.isin(other.labels, list(taken))
        assert np.array_equal(result.labels, np.where(where, other.labels, own.labels))
        assert np.array_equal(result.image, np.where(where[..., None], other.image, own.image))
        chosen |= taken
    assert chosen == set(classes)


@pytest.mark.parametrize("ground", [0, 255])
def test_classmix_takes_neither_background_nor_ignored_pixels(ground: int) -> None:
    own = drawn(0, [7])
    assert classmix(own, drawn(1, [], ground), np.random.default_rng(0)) is own


def test_no_mix_writes_into_its_photos() -> None:
    photos = [photo(number) for number in (1, 2, 3, 4)]  # read-only: writing would raise
    for seed in range(5):
        rng = np.random.default_rng(seed)
        for result in (mosaic(photos, rng), cutmix(*photos[:2], rng), classmix(*photos[:2], rng)):
            assert result.image.dtype == result.labels.dtype == np.uint8
            assert (result.image.shape, result.labels.shape) == ((SIZE, SIZE, 3), (SIZE, SIZE))
