"""A sample is made of its ingredients in order; what is off changes no bit, what is on always does."""

import numpy as np
import pytest

from tests.tiny import tiny_config, write_folder
from trashseg_core.augment import sample as module
from trashseg_core.augment.pipelines import Pipeline
from trashseg_core.augment.sample import Sample, SampleMaker
from trashseg_core.augment.square import Square
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.training.loader import TrainLoader
from trashseg_core.training.photo_draw import PhotoDraw

NUM_PHOTOS = 6
RATIOS = ("augmix_ratio", "mosaic_ratio", "cutmix_ratio", "classmix_ratio", "color_augmix_ratio")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    sizes = {"train": [(64, 48)] * NUM_PHOTOS, "val": [(64, 64)] * 2}
    return DataFolder(str(write_folder(tmp_path_factory.mktemp("sample"), sizes)))


@pytest.fixture(scope="module")
def data(folder: DataFolder) -> TrainingData:
    return open_data(folder, tiny_config(augmix_ratio=1.0))


def samples(config: TrialConfig, data: TrainingData, count: int = 30) -> list[Sample]:
    loader = TrainLoader(config, data)
    return [loader.sample(place % NUM_PHOTOS, 1, place) for place in range(count)]


def same(one: Sample, other: Sample) -> bool:
    return np.array_equal(one.image, other.image) and np.array_equal(one.labels, other.labels)


@pytest.mark.parametrize("strength", ["none", "light", "strong"])
def test_with_everything_off_a_sample_is_the_photo_through_the_pipeline(data: TrainingData, strength: str) -> None:
    off = dict.fromkeys(RATIOS, 0.0) | {"scale_min": 1.0, "scale_max": 1.0, "source_size": 64}
    config = tiny_config(augment=strength, seed=3, **off)
    pipeline = Pipeline(config)
    for place, sample in enumerate(samples(config, data)):
        index = place % NUM_PHOTOS
        rng = np.random.default_rng((3, 1, place, 1))
        image, labels = pipeline(data.train.images[index], data.train.labels[index], rng)
        assert same(sample, Sample(image, labels)) and sample.views is None


@pytest.mark.parametrize("name", RATIOS)
def test_at_ratio_1_every_sample_is_changed_and_at_one_half_about_half(data: TrainingData, name: str) -> None:
    plain = samples(tiny_config(augment="none"), data, 120)
    for ratio, low, high in ((1.0, 0.75, 1.0), (0.5, 0.3, 0.6)):  # a photo may be mixed with itself
        mixed = samples(tiny_config(augment="none", **{name: ratio}), data, 120)
        assert low <= np.mean([not same(*pair) for pair in zip(plain, mixed, strict=True)]) <= high


@pytest.mark.parametrize("name", RATIOS)
def test_shapes_and_types_stay(data: TrainingData, name: str) -> None:
    for sample in samples(tiny_config(**{name: 1.0}), data, 10):
        assert (sample.image.shape, sample.labels.shape) == ((64, 64, 3), (64, 64))
        assert sample.image.dtype == sample.labels.dtype == np.uint8


def test_augmix_of_colours_changes_no_label(data: TrainingData) -> None:
    plain, mixed = (samples(tiny_config(color_augmix_ratio=ratio), data) for ratio in (0.0, 1.0))
    assert all(np.array_equal(one.labels, other.labels) for one, other in zip(plain, mixed, strict=True))


def test_with_the_consistency_loss_the_sample_stays_clean_beside_two_views(data: TrainingData) -> None:
    plain = samples(tiny_config(), data)
    mixed = samples(tiny_config(color_augmix_ratio=0.5, jsd_weight=12.0), data)
    copies = 0
    for one, other in zip(plain, mixed, strict=True):
        assert same(one, other)
        assert other.views is not None and (other.views.shape, other.views.dtype) == ((2, 64, 64, 3), np.uint8)
        alike = [np.array_equal(view, other.image) for view in other.views]
        assert all(alike) or not np.array_equal(*other.views)
        copies += all(alike)
    assert 8 < copies < 22


def test_the_ingredients_come_in_their_order(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def spy(name: str, owner: object, attribute: str) -> None:
        original = getattr(owner, attribute)

        def record(*arguments: object) -> object:
            calls.append(name)
            return original(*arguments)

        monkeypatch.setattr(owner, attribute, record)

    for name in ("mosaic", "cutmix", "classmix", "random_crop", "color_augmix"):
        spy(name, module, name)
    spy("augmix", module.Augmix, "__call__")
    spy("pipeline", Pipeline, "__call__")
    samples(tiny_config(**dict.fromkeys(RATIOS, 1.0), scale_max=1.5), data, 1)
    assert calls == ["mosaic", "cutmix", "classmix", "augmix", "random_crop", "pipeline", "color_augmix"]


def test_the_crop_is_of_the_configured_size_and_scales(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def record(square: Square, *arguments: object) -> tuple[np.ndarray, np.ndarray]:
        given.append(arguments[:2])
        return square.image, square.labels

    monkeypatch.setattr(module, "random_crop", record)
    samples(tiny_config(scale_min=0.7, scale_max=1.6), data, 1)
    samples(tiny_config(scale_min=0.7), data, 1)
    samples(tiny_config(scale_max=1.6), data, 1)
    assert given == [(64, (0.7, 1.6)), (64, (0.7, 1.0)), (64, (1.0, 1.6))]


@pytest.mark.parametrize("name", ["mosaic_ratio", "cutmix_ratio", "classmix_ratio"])
def test_what_is_mixed_in_is_the_drawn_photo(data: TrainingData, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photo 0 shows class 1, photo 5 shows class 2 in the same place."""
    config = tiny_config(augment="none", **{name: 1.0})
    draw = PhotoDraw(config, data.train)
    monkeypatch.setattr(draw, "other", lambda rng: 5)
    make, seen = SampleMaker(config, data, draw), set()
    for seed in range(40):
        sample = make(0, np.random.default_rng(seed))
        seen |= set(np.unique(sample.labels).tolist())
    assert seen - {0, 255} == ({2} if name == "classmix_ratio" else {1, 2})


def test_augmix_after_a_mosaic_may_paste_all_over_it(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config(augment="none", mosaic_ratio=1.0, augmix_ratio=1.0)
    extents = []

    def record(self: object, image: np.ndarray, labels: np.ndarray, extent: tuple[int, int], rng: object) -> Square:
        extents.append(extent)
        return image, labels

    monkeypatch.setattr(module.Augmix, "__call__", record)
    samples(config, open_data(folder, config), 3)
    assert extents == [(64, 64)] * 3
