"""The kernels of dense CRF against plain implementations of the same sums."""

import numpy as np
import pytest

from tests.bench import plain_crf
from trashseg_core.errors import BadInput
from trashseg_core.inference.grid_gaussian import build_gaussian
from trashseg_core.inference.lattice_vertices import FIRST_BITS, surround
from trashseg_core.inference.permutohedral import Lattice, build_bilateral


def random_values(num_pixels: int, num_channels: int) -> np.ndarray:
    return np.random.default_rng(0).random((num_pixels, num_channels), np.float32)


def normalised(kernel: np.ndarray) -> np.ndarray:
    """D^-½ K D^-½."""
    norm = kernel.sum(axis=1) ** -0.5
    return norm[:, None] * kernel * norm


def squared_distances(features: np.ndarray) -> np.ndarray:
    """Between all pairs of pixels, float64 (N, N)."""
    return np.square(features[:, None] - features[None]).sum(axis=2)


def positions(height: int, width: int) -> np.ndarray:
    return np.stack(np.mgrid[:height, :width], axis=-1).reshape(-1, 2).astype(float)


@pytest.mark.parametrize("sxy", [0.1, 1.0, 3.0, 100.0])
def test_the_gaussian_equals_its_dense_matrix(sxy: float) -> None:
    values, total = random_values(9 * 14, 3), random_values(9 * 14, 3)
    kernel = normalised(np.exp(-0.5 * squared_distances(positions(9, 14)) / sxy**2))
    expected = total + 2.5 * kernel @ values
    build_gaussian(9, 14, sxy, 2.5).add_filtered(values, total)
    np.testing.assert_allclose(total, expected, atol=2e-3)


def test_the_lattice_comes_near_the_dense_matrix() -> None:
    rgb = np.random.default_rng(0).integers(100, 130, (16, 24, 3), np.uint8)
    features = np.concatenate([rgb.reshape(-1, 3) / 10, positions(16, 24) / 8], axis=1)
    values, total = random_values(16 * 24, 4), np.zeros((16 * 24, 4), np.float32)
    build_bilateral(rgb, 8, 10, 4).add_filtered(values, total)
    expected = 4 * normalised(np.exp(-0.5 * squared_distances(features))) @ values
    assert (
        np.abs(total - expected).mean() < 0.035 * expected.mean()
    )  # 0.043 with a quarter or three quarters for the half


def test_a_large_photo_of_noise_overflows_no_table_and_equals_the_plain_lattice() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (520, 530, 3), np.uint8)
    splat, blurs = plain_crf.lattice(rgb, 49, 20)
    held = splat @ (values := random_values(520 * 530, 2))
    for blur in blurs:
        held = blur @ held
    lattice, total = Lattice(*surround(rgb, 49, 20)), np.zeros_like(values)
    assert lattice.neighbours.shape[1] > 2 << FIRST_BITS
    lattice.add_filtered(values, total)
    assert (
        np.isclose(total, splat.T @ held, rtol=1e-4).mean() > 0.999
    )  # single precision moves some to the next simplex


def test_neighbours_are_mutual() -> None:
    rgb = np.random.default_rng(0).integers(90, 140, (30, 30, 3), np.uint8)
    _, _, neighbours = surround(rgb, 20, 8)
    assert (neighbours[:, 0] == 0).all()
    for before, behind in neighbours.transpose(0, 2, 1):
        found = np.flatnonzero(before)
        assert len(found) > 100
        assert (behind[before[found]] == found).all()


def test_kernels_too_narrow_for_a_huge_photo_are_refused() -> None:
    huge = np.broadcast_to(np.uint8(0), (60_000, 60_000, 3))
    with pytest.raises(BadInput, match="`bilateral_sxy` is 1 .* too narrow for a photo of 60000 x 60000 pixels"):
        surround(huge, 1, 1)
