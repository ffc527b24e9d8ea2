"""The augmentation pipeline moves labels with their pixels and draws all randomness from the given stream."""

import numpy as np
import pytest

from tests.tiny import tiny_config
from trashseg_core.augment.pipelines import Pipeline

SIZE = 64
STRENGTHS = ("none", "light", "strong")


def pipeline(strength: str) -> Pipeline:
    return Pipeline(tiny_config(augment=strength))


def random_sample(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    return image, rng.integers(0, 5, (SIZE, SIZE), dtype=np.uint8)


def marked_sample() -> tuple[np.ndarray, np.ndarray]:
    """A bright L on a dark ground, labelled 3."""
    labels = np.zeros((SIZE, SIZE), np.uint8)
    labels[12:52, 20:32] = 3
    labels[40:52, 20:50] = 3
    return np.where(labels[..., None] == 3, 220, 40).astype(np.uint8).repeat(3, axis=2), labels


@pytest.mark.parametrize("strength", STRENGTHS)
def test_the_same_stream_gives_the_same_result_whatever_came_before(strength: str) -> None:
    image, labels = random_sample()
    fresh, used = pipeline(strength), pipeline(strength)
    for seed in range(3):
        used(image, labels, np.random.default_rng(seed))
    for seed in range(5, 15):
        one, other = (each(image, labels, np.random.default_rng(seed)) for each in (fresh, used))
        assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])


@pytest.mark.parametrize("strength", ["light", "strong"])
def test_different_streams_give_different_results(strength: str) -> None:
    image, labels = random_sample()
    results = {pipeline(strength)(image, labels, np.random.default_rng(seed))[0].tobytes() for seed in range(10)}
    assert len(results) >= 8


def test_global_random_state_has_no_part() -> None:
    image, labels = random_sample()
    results = []
    for seed in (1, 2):
        np.random.seed(seed)
        results.append(pipeline("strong")(image, labels, np.random.default_rng(7))[0])
    assert np.array_equal(results[0], results[1])


def test_strength_none_changes_nothing() -> None:
    image, labels = random_sample()
    result = pipeline("none")(image, labels, np.random.default_rng(0))
    assert np.array_equal(result[0], image) and np.array_equal(result[1], labels)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_shapes_and_types_stay(strength: str) -> None:
    for seed in range(10):
        image, labels = pipeline(strength)(*random_sample(), np.random.default_rng(seed))
        assert (image.shape, image.dtype, labels.shape, labels.dtype) == ((64, 64, 3), np.uint8, (64, 64), np.uint8)


@pytest.mark.parametrize("strength", ["light", "strong"])
def test_labels_move_with_their_pixels(strength: str) -> None:
    """The brightness threshold that separates the two areas of the result best finds the labelled area again."""
    moved = 0
    for seed in range(20):
        image, labels = pipeline(strength)(*marked_sample(), np.random.default_rng(seed))
        valid = labels != 255
        grey = image.mean(axis=2)
        object_, ground = grey[valid & (labels == 3)], grey[valid & (labels == 0)]
        threshold = (np.median(object_) + np.median(ground)) / 2
        agreement = ((grey > threshold) == (labels == 3))[valid].mean()
        assert agreement > 0.95, seed
        moved += not np.array_equal(labels == 3, marked_sample()[1] == 3)
    assert moved > 10


@pytest.mark.parametrize("strength", ["light", "strong"])
def test_no_label_is_invented(strength: str) -> None:
    seen: set[int] = set()
    for seed in range(20):
        seen |= set(np.unique(pipeline(strength)(*marked_sample(), np.random.default_rng(seed))[1]).tolist())
    assert seen == {0, 3, 255}


@pytest.mark.parametrize("strength", ["light", "strong"])
def test_pixels_from_outside_the_photo_are_ignored(strength: str) -> None:
    """A white photo of class 1: what is black afterwards came from outside, and only that is 255."""
    image, labels = np.full((SIZE, SIZE, 3), 255, np.uint8), np.ones((SIZE, SIZE), np.uint8)
    outside = 0
    for seed in range(20):
        result, moved = pipeline(strength)(image, labels, np.random.default_rng(seed))
        dark = result.max(axis=2) < 60
        assert dark.sum() < 50 or (moved[dark] == 255).mean() > 0.9, seed
        outside += int((moved == 255).sum())
    assert outside > 1000


def test_a_flip_says_nothing_about_the_brightness() -> None:
    """With one seed for every transform a photo would be brightened exactly when it is flipped."""
    image = np.full((SIZE, SIZE, 3), 128, np.uint8)
    labels = np.zeros((SIZE, SIZE), np.uint8)
    labels[:, : SIZE // 2] = 1
    flipped, changed = [], []
    light = pipeline("light")
    for seed in range(300):
        result, moved = light(image, labels, np.random.default_rng(seed))
        flipped.append((moved[:, :32] == 1).sum() < (moved[:, 32:] == 1).sum())
        changed.append(bool((result[moved != 255] != 128).any()))
    assert 0.4 < np.mean(flipped) < 0.6
    assert abs(np.corrcoef(flipped, changed)[0, 1]) < 0.2
