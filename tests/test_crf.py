"""Dense CRF agrees with the oracle, follows the photo's edges, and refuses what is no photo."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from trashseg_core.errors import BadInput
from trashseg_core.inference.crf import dense_crf, dense_crf_many
from trashseg_core.inference.crf_settings import CrfSettings

ORACLE_CASES = ("std_1", "std_5", "std_10", "alt_5")
SETTINGS = CrfSettings(iterations=3)

Photo = tuple[np.ndarray, np.ndarray]


def noisy(seed: int, height: int, width: int, num_classes: int) -> Photo:
    """A photo of smooth colour ramps and random probabilities."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    ramps = np.stack([rows, columns, rows + columns], axis=-1) * 2
    rgb = (ramps + rng.integers(0, 8, (height, width, 3))).clip(max=255).astype(np.uint8)
    scores = rng.random((num_classes, height, width), np.float32) ** 4
    return rgb, scores / scores.sum(axis=0)


def two_halves(size: int = 48) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo with a red and a green half, its label map, and probabilities that are wrong in a fifth of the pixels."""
    labels = np.zeros((size, size), np.uint8)
    labels[:, size // 2 :] = 1
    rgb = np.array([[200, 40, 40], [40, 200, 40]], np.uint8)[labels]
    seen = labels ^ (np.random.default_rng(0).random(labels.shape) < 0.2)
    return rgb, labels, np.where(seen == np.arange(2)[:, None, None], 0.7, 0.3).astype(np.float32)


@pytest.mark.parametrize("case", ORACLE_CASES)
def test_the_outcome_agrees_with_the_oracle(case: str, shared: Path) -> None:
    oracle = np.load(shared / "oracles" / "crf_cases.npz")
    iterations, gaussian, bilateral = (oracle[f"{case}_{name}"] for name in ("iterations", "gaussian", "bilateral"))
    settings = CrfSettings(int(iterations), *gaussian.tolist(), *bilateral.tolist())
    q = dense_crf(oracle[f"{case}_rgb"], oracle[f"{case}_prob"], settings)
    assert any(
        (q.argmax(axis=0) == oracle[f"{case}_{reference}"].argmax(axis=0)).mean() >= oracle[f"{case}_min_agreement"]
        and np.abs(q - oracle[f"{case}_{reference}"]).mean() <= oracle[f"{case}_max_mean_abs"]
        for reference in ("q", "q_exact")
    )


def test_the_normalised_tensor_is_refused_in_place_of_the_photo() -> None:
    rgb, probabilities = noisy(0, 8, 8, 2)
    normalised = (rgb.astype(np.float32) / 255 - 0.5) / 0.5
    with pytest.raises(ValueError, match=r"float32 \(8, 8, 3\).*must be RGB uint8.*not the network's normalised input"):
        dense_crf(normalised, probabilities, SETTINGS)


def test_a_photo_with_its_channels_first_is_refused() -> None:
    rgb, probabilities = noisy(0, 8, 8, 2)
    with pytest.raises(ValueError, match=r"uint8 \(3, 8, 8\), but must be RGB uint8 \(H, W, 3\)"):
        dense_crf(rgb.transpose(2, 0, 1), probabilities, SETTINGS)


def test_probabilities_of_another_size_are_refused() -> None:
    rgb, probabilities = noisy(0, 8, 8, 2)
    with pytest.raises(ValueError, match=r"float32 \(2, 8, 7\), but must be float \(C, H, W\) for a photo of 8 x 8"):
        dense_crf(rgb, probabilities[:, :, :7], SETTINGS)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, 3.0])
def test_what_is_no_probability_is_refused(value: float) -> None:
    rgb, probabilities = noisy(0, 8, 8, 2)
    probabilities[1, 2, 3] = value
    with pytest.raises(ValueError, match=r"must be from 0 to 1\. Give the softmax"):
        dense_crf(rgb, probabilities, SETTINGS)


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("iterations", 0, "`iterations` is 0, but must be between 1 and 1000"),
        ("iterations", 2.5, "`iterations` is 2.5, but must be of type int"),
        ("gaussian_sxy", 0, "`gaussian_sxy` is 0.0, but must be between 0.1"),
        ("bilateral_srgb", float("nan"), "`bilateral_srgb` is nan, but must be finite"),
        ("gaussian_compat", 1e9, "`gaussian_compat` is 1000000000.0, but must be between 0 and 1000"),
        ("bilateral_compat", -1, "`bilateral_compat` is -1.0, but must be between 0"),
        ("bilateral_sxy", "49", "`bilateral_sxy` is '49', but must be of type float"),
    ],
)
def test_settings_that_no_crf_can_use_are_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        CrfSettings(**{field: value})


def test_settings_come_back_from_json_as_they_were() -> None:
    settings = CrfSettings(iterations=7, gaussian_sxy=2, bilateral_srgb=13)
    assert CrfSettings(**json.loads(json.dumps(dataclasses.asdict(settings)))) == settings


@pytest.mark.parametrize("height, width", [(1, 1), (1, 9), (9, 1), (33, 47)])
@pytest.mark.parametrize("num_classes", [1, 2, 13])
def test_photos_of_any_size_and_any_number_of_classes_give_probabilities(
    height: int, width: int, num_classes: int
) -> None:
    q = dense_crf(*noisy(1, height, width, num_classes), SETTINGS)
    assert q.shape == (num_classes, height, width) and q.dtype == np.float32
    assert q.min() >= 0
    np.testing.assert_allclose(q.sum(axis=0), 1, atol=1e-5)


def test_a_pixel_of_probability_one_can_be_overruled_by_its_surroundings() -> None:
    probabilities = np.zeros((2, 21, 21), np.float32)
    probabilities[0] = 1
    probabilities[:, 10, 10] = 0, 1
    settings = CrfSettings(iterations=3, gaussian_compat=10, bilateral_compat=10)
    q = dense_crf(np.full((21, 21, 3), 90, np.uint8), probabilities, settings)
    assert np.isfinite(q).all()
    assert (q.argmax(axis=0) == 0).all()


def test_the_heaviest_messages_overflow_nothing() -> None:
    q = dense_crf(*noisy(4, 20, 20, 3), CrfSettings(iterations=3, gaussian_compat=1000, bilateral_compat=1000))
    np.testing.assert_allclose(q.sum(axis=0), 1, atol=1e-5)


def test_labels_follow_the_edge_of_the_photo() -> None:
    rgb, labels, probabilities = two_halves()
    wrong = (probabilities.argmax(axis=0) != labels).mean()
    assert wrong > 0.15
    assert (dense_crf(rgb, probabilities, SETTINGS).argmax(axis=0) == labels).all()


def test_half_precision_and_double_give_what_single_gives() -> None:
    rgb, _, probabilities = two_halves()
    q = dense_crf(rgb, probabilities, SETTINGS)
    np.testing.assert_allclose(dense_crf(rgb, probabilities.astype(np.float64), SETTINGS), q, atol=1e-6)
    np.testing.assert_allclose(dense_crf(rgb, probabilities.astype(np.float16), SETTINGS), q, atol=0.01)


def test_the_same_photo_gives_the_same_bits_and_stays_untouched() -> None:
    rgb, probabilities = noisy(2, 40, 50, 3)
    before = rgb.copy(), probabilities.copy()
    first = dense_crf(rgb, probabilities, SETTINGS)
    assert (dense_crf(rgb, probabilities, SETTINGS) == first).all()
    assert (rgb == before[0]).all() and (probabilities == before[1]).all()


@pytest.mark.parametrize(
    "turn",
    [
        lambda array: array.swapaxes(0, 1),
        lambda array: np.rot90(array, axes=(0, 1)),
        lambda array: array[:, ::-1],
    ],
    ids=["transposed", "rotated", "flipped"],
)
def test_a_turned_photo_gives_nearly_the_turned_outcome(turn) -> None:  # type: ignore[no-untyped-def]
    rgb, probabilities = noisy(3, 60, 45, 4)
    expected = turn(np.moveaxis(dense_crf(rgb, probabilities, SETTINGS), 0, -1))
    turned = dense_crf(turn(rgb), np.moveaxis(turn(np.moveaxis(probabilities, 0, -1)), -1, 0), SETTINGS)
    changed = np.abs(dense_crf(rgb, probabilities, SETTINGS) - probabilities).mean()
    assert np.abs(np.moveaxis(turned, 0, -1) - expected).mean() < 0.1 * changed


def test_many_photos_come_in_order_and_as_one_by_one() -> None:
    photos = [noisy(seed, 20 + 7 * seed, 60 - 8 * seed, 3) for seed in range(6)]
    refined = list(dense_crf_many(photos, SETTINGS, num_threads=3))
    assert len(refined) == len(photos)
    for photo, q in zip(photos, refined, strict=True):
        assert (q == dense_crf(*photo, SETTINGS)).all()


def test_only_a_few_photos_are_fetched_ahead() -> None:
    fetched, most_ahead = 0, 0

    def photos() -> Iterator[Photo]:
        nonlocal fetched
        for seed in range(12):
            fetched += 1
            yield noisy(seed, 6, 6, 2)

    for received, _ in enumerate(dense_crf_many(photos(), SETTINGS, num_threads=2), 1):
        most_ahead = max(most_ahead, fetched - received)
    assert fetched == 12
    assert most_ahead == 2


def test_a_bad_photo_among_many_is_refused() -> None:
    rgb, probabilities = noisy(0, 8, 8, 2)
    with pytest.raises(ValueError, match="must be RGB uint8"):
        list(dense_crf_many([(rgb, probabilities), (rgb / 255, probabilities)], SETTINGS))
