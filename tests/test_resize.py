"""A photo and its label map are scaled and padded alike, to the right and below."""

import numpy as np
import pytest

from trashseg_core.data.resize import fit_label_map, fit_photo, fitted_size


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(512, 512, (64, 64)), (300, 600, (32, 64)), (600, 300, (64, 32)), (20, 40, (32, 64)), (1, 5000, (1, 64))],
)
def test_the_longer_side_becomes_the_size(height: int, width: int, expected: tuple[int, int]) -> None:
    assert fitted_size(height, width, 64) == expected


def test_a_photo_s_padding_is_black_and_nothing_else_is() -> None:
    fitted = fit_photo(np.full((30, 60, 3), 200, np.uint8), 64)
    assert fitted.shape == (64, 64, 3)
    assert (fitted[:32] == 200).all() and (fitted[32:] == 0).all()


def test_a_label_map_s_padding_is_ignored() -> None:
    fitted = fit_label_map(np.full((60, 30), 3, np.uint8), 64)
    assert (fitted[:, :32] == 3).all() and (fitted[:, 32:] == 255).all()


def test_labels_are_never_mixed() -> None:
    label_map = np.random.default_rng(0).choice([0, 7, 255], (50, 70)).astype(np.uint8)
    assert set(np.unique(fit_label_map(label_map, 32))) <= {0, 7, 255}


@pytest.mark.parametrize("shape", [(512, 512), (40, 40), (300, 417)])
def test_labels_lie_where_the_colours_lie(shape: tuple[int, int]) -> None:
    rows, columns = np.indices(shape)
    distance = np.hypot(rows - shape[0] * 0.4, columns - shape[1] * 0.55)
    label_map = (distance < 0.3 * min(shape)).astype(np.uint8)
    colours = fit_photo(np.repeat(label_map[..., None] * 255, 3, axis=2), 128)[..., 0] > 127
    height, width = fitted_size(*shape, 128)
    labels = fit_label_map(label_map, 128)
    for axis in (0, 1):
        centres = [np.argwhere(mask[:height, :width]).mean(axis=0)[axis] for mask in (colours, labels == 1)]
        assert centres[0] == pytest.approx(centres[1], abs=0.2)


def test_a_photo_of_the_right_size_is_unchanged() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert np.array_equal(fit_photo(rgb, 64), rgb)
