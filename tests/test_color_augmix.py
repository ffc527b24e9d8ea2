"""AugMix of colours does what torchvision's does to colours, and draws from the given generator only."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import AugMix

from trashseg_core.augment import color_augmix as module
from trashseg_core.augment.color_augmix import NUM_LEVELS, OPERATIONS, color_augmix

MOVES_PIXELS = {"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"}


def photo(seed: int = 0, side: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(20, 200, (side, side, 3), dtype=np.uint8)


def test_the_operations_are_those_of_torchvision_that_move_no_pixel() -> None:
    assert OPERATIONS.keys() == AugMix._AUGMENTATION_SPACE.keys() - MOVES_PIXELS


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_magnitudes_are_those_of_torchvision(name: str) -> None:
    _, magnitudes, signed = OPERATIONS[name]
    levels, their_sign = AugMix._AUGMENTATION_SPACE[name]
    expected = levels(NUM_LEVELS, 32, 32)
    assert signed == their_sign
    assert list(magnitudes) == pytest.approx([0.0] * NUM_LEVELS if expected is None else expected.tolist())


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize("level", [0, 4, 9])
@pytest.mark.parametrize("sign", [1, -1])
def test_operations_are_those_of_torchvision(name: str, level: int, sign: int) -> None:
    operate, magnitudes, signed = OPERATIONS[name]
    magnitude = magnitudes[level] * (sign if signed else 1)
    image = torch.from_numpy(photo().transpose(2, 0, 1).copy())
    expected = AugMix()._apply_image_or_video_transform(image, name, magnitude, "bilinear", {})
    assert torch.equal(operate(image, magnitude), expected)


class Scripted:
    """Stands in for a generator: m, the weights, and one script for the rest."""

    def __init__(self, keep: float, weights: list[float], integers: list[int], uniform: list[float]) -> None:
        self._keep, self._weights, self._integers, self._uniform = keep, weights, integers, uniform

    def beta(self, *alphas: float) -> float:
        assert alphas == (1, 1)
        return self._keep

    def dirichlet(self, alphas: np.ndarray) -> np.ndarray:
        assert alphas.tolist() == [1, 1, 1]
        return np.array(self._weights)

    def integers(self, low: int, high: int | None = None) -> int:
        value = self._integers.pop(0)
        assert (0 if high is None else low) <= value < (low if high is None else high)
        return value

    def random(self) -> float:
        return self._uniform.pop(0)


def test_three_chains_are_mixed_with_the_photo_by_the_paper_s_formula() -> None:
    names, severity = list(OPERATIONS), 3
    script = [1, names.index("Solarize"), 2]
    script += [2, names.index("Brightness"), 1, names.index("Posterize"), 2]
    script += [3, names.index("Color"), 2, names.index("AutoContrast"), 0, names.index("Contrast"), 1]
    rng = Scripted(0.3, [0.5, 0.2, 0.3], script, [0.4, 0.6, 0.1])
    image = photo()
    clean = torch.from_numpy(image.transpose(2, 0, 1).copy())

    def chain(*steps: tuple[str, float]) -> torch.Tensor:
        done = clean
        for name, magnitude in steps:
            done = AugMix()._apply_image_or_video_transform(done, name, magnitude, "bilinear", {})
        return done.float()

    chains = [
        chain(("Solarize", 7 / 9)),
        chain(("Brightness", -0.1), ("Posterize", 3)),
        chain(("Color", 0.2), ("AutoContrast", 0), ("Contrast", -0.1)),
    ]
    mixed = 0.3 * clean + 0.7 * sum(weight * one for weight, one in zip([0.5, 0.2, 0.3], chains, strict=True))
    expected = mixed.round().numpy().transpose(1, 2, 0)
    assert np.abs(color_augmix(image, severity, rng).astype(float) - expected).max() <= 1
    assert (color_augmix(image, severity, Scripted(1.0, [1, 0, 0], [1, 0, 0] * 3, [])) == image).all()


def test_chains_have_one_to_three_operations_of_the_weaker_magnitudes(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []

    def record(image: torch.Tensor, magnitude: float) -> torch.Tensor:
        calls.append(magnitude)
        return image

    monkeypatch.setattr(module, "OPERATIONS", {"Color": (record, tuple(range(1, NUM_LEVELS + 1)), True)})
    counts = []
    for seed in range(300):
        before = len(calls)
        color_augmix(photo(side=4), 4, np.random.default_rng(seed))
        counts.append(len(calls) - before)
    assert set(counts) == set(range(3, 10)) and np.mean(counts) == pytest.approx(6, abs=0.3)
    assert set(calls) == {1, 2, 3, 4, -1, -2, -3, -4}
    assert np.mean(np.array(calls) > 0) == pytest.approx(0.5, abs=0.05)


def test_a_higher_severity_changes_more() -> None:
    changes = [
        np.mean(
            [np.abs(color_augmix(photo(), level, np.random.default_rng(seed)) - 1.0 * photo()) for seed in range(60)]
        )
        for level in (1, 5, 10)
    ]
    assert changes[0] < changes[1] < changes[2]


def test_neither_torch_s_nor_numpy_s_global_generator_is_touched() -> None:
    np.random.seed(5)
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    for seed in range(20):
        color_augmix(photo(), 3, np.random.default_rng(seed))
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)


def test_the_same_stream_gives_the_same_photo_whatever_torch_s_seed() -> None:
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        results.append(color_augmix(photo(), 3, np.random.default_rng(7)))
    assert np.array_equal(*results)
    assert len({color_augmix(photo(), 3, np.random.default_rng(seed)).tobytes() for seed in range(20)}) > 15


def test_shape_and_type_stay_and_the_photo_is_not_written_to() -> None:
    image = photo(side=33)
    image.flags.writeable = False
    for seed in range(20):
        result = color_augmix(image, 10, np.random.default_rng(seed))
        assert (result.shape, result.dtype) == (image.shape, np.uint8) and result.flags.c_contiguous
