"""Photos are drawn once an epoch, or by their rare classes; the ones to mix in from the same distribution."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import annotation, coco, tiny_config, write_photo
from trashseg_core.data.cache import CachedSplit, open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.training.class_balance import count_pixels, photo_probabilities
from trashseg_core.training.photo_draw import PhotoDraw, _search

NUM_PHOTOS, TEMPERATURE = 8, 0.5


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> CachedSplit:
    """Eight photos; the last one alone shows class 2, all others class 1."""
    folder = tmp_path_factory.mktemp("draw")
    images, annotations = [], []
    for number in range(NUM_PHOTOS):
        write_photo(folder / f"{number}.png", 64, 64, seed=number)
        images.append({"id": number, "file_name": f"{number}.png", "height": 64, "width": 64})
        annotations.append(annotation(number, 2 if number == NUM_PHOTOS - 1 else 1))
    (folder / "train.json").write_text(json.dumps(coco(images=images, annotations=annotations)), encoding="utf-8")
    return open_split(DataFolder(str(folder)), "train", 64)


def rare(split: CachedSplit, **fields: object) -> PhotoDraw:
    return PhotoDraw(tiny_config(rare_class_temperature=TEMPERATURE, **fields), split)


def shares(chosen: np.ndarray) -> np.ndarray:
    return np.bincount(chosen, minlength=NUM_PHOTOS) / len(chosen)


def test_without_a_temperature_every_photo_comes_once_and_the_first_ones_again(split: CachedSplit) -> None:
    order = PhotoDraw(tiny_config(), split).epoch(1, 12)
    assert sorted(order[:NUM_PHOTOS]) == list(range(NUM_PHOTOS))
    assert order[NUM_PHOTOS:].tolist() == order[:4].tolist()


def test_with_a_temperature_photos_are_drawn_with_daformer_s_probabilities(split: CachedSplit) -> None:
    expected = photo_probabilities(count_pixels(split), TEMPERATURE)
    assert expected[-1] > 3 * expected[0]
    assert shares(rare(split).epoch(1, 20_000)) == pytest.approx(expected, abs=0.015)


def test_a_lower_temperature_draws_rare_classes_more_often(split: CachedSplit) -> None:
    counts = [
        (PhotoDraw(tiny_config(rare_class_temperature=t), split).epoch(1, 4000) == 7).mean() for t in (5, 0.5, 0.1)
    ]
    assert counts[0] < counts[1] < counts[2] < 0.75


@pytest.mark.parametrize("temperature", [0.0, TEMPERATURE])
def test_photos_to_mix_in_come_from_the_epoch_s_distribution(split: CachedSplit, temperature: float) -> None:
    draw = PhotoDraw(tiny_config(rare_class_temperature=temperature), split)
    rng = np.random.default_rng(0)
    others = np.array([draw.other(rng) for _ in range(6000)])
    expected = photo_probabilities(count_pixels(split), temperature) if temperature else np.full(NUM_PHOTOS, 1 / 8)
    assert shares(others) == pytest.approx(expected, abs=0.025)


@pytest.mark.parametrize("temperature", [0.0, TEMPERATURE])
def test_an_epoch_is_a_function_of_seed_and_epoch(split: CachedSplit, temperature: float) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        config = tiny_config(rare_class_temperature=temperature, seed=seed)
        return PhotoDraw(config, split).epoch(epoch, 12).tolist()

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (1, 2)}) == 4


def test_a_photo_of_probability_0_is_never_drawn_and_none_beyond_the_last() -> None:
    for total in (0.9, 1 - 2**-53, 1.0, 1 + 2**-52, 1.1):  # sums that rounding may give
        bounds = np.array([0.0, 0.3, 0.3, total, total])
        assert _search(bounds, np.array([0.0, np.nextafter(1.0, 0.0)])).tolist() == [1, 3]


def test_a_split_of_one_photo_is_mixed_with_itself(split: CachedSplit, tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png", 30, 40)
    (tmp_path / "train.json").write_text(json.dumps(coco()), encoding="utf-8")
    single = open_split(DataFolder(str(tmp_path)), "train", 32)
    for temperature in (0.0, TEMPERATURE):
        draw = PhotoDraw(tiny_config(rare_class_temperature=temperature), single)
        assert draw.epoch(1, 4).tolist() == [0] * 4 and draw.other(np.random.default_rng(0)) == 0
