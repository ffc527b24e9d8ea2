"""Training batches: every photo once an epoch, full batches, the same ones whatever the threads do."""

import numpy as np
import pytest
import torch

from tests.tiny import tiny_config, write_folder
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput
from trashseg_core.training.loader import Batch, TrainLoader

NUM_PHOTOS = 10


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    sizes = {"train": [(64, 48)] * NUM_PHOTOS, "val": [(64, 64)]}
    folder = DataFolder(str(write_folder(tmp_path_factory.mktemp("loader"), sizes)))
    return open_data(folder, tiny_config(augmix_ratio=0.5))


def batches(config: TrialConfig, data: TrainingData, epoch: int = 1, threads: int = 1) -> list[Batch]:
    return list(TrainLoader(config, data, threads).epoch(epoch))


def order(config: TrialConfig, data: TrainingData, epoch: int = 1) -> list[int]:
    """Which photo stands at each place of an epoch; for samples that nothing changes."""
    known = {image.tobytes(): index for index, image in enumerate(data.train.images)}
    samples = torch.cat([batch.images for batch in batches(config, data, epoch)]).permute(0, 2, 3, 1).numpy()
    return [known[sample.tobytes()] for sample in samples]


PLAIN = tiny_config(augment="none")
FULL = tiny_config(augment="strong", augmix_ratio=0.5)
OPTIONS: dict[str, dict[str, object]] = {
    "augmix": {"augmix_ratio": 0.5, "augment": "strong"},
    "mosaic": {"mosaic_ratio": 0.5},
    "cutmix": {"cutmix_ratio": 0.5},
    "classmix": {"classmix_ratio": 0.5},
    "color_augmix": {"color_augmix_ratio": 0.5},
    "views": {"color_augmix_ratio": 0.5, "jsd_weight": 1.0},
    "scales": {"scale_min": 0.5, "scale_max": 2.0},
    "rare classes": {"rare_class_temperature": 0.3, "mosaic_ratio": 0.5},
}
OPTIONS["all"] = {name: value for fields in OPTIONS.values() for name, value in fields.items()}


def test_every_photo_comes_once_an_epoch_and_the_first_ones_fill_the_last_batch(data: TrainingData) -> None:
    placed = order(PLAIN, data)
    assert len(placed) == 12
    assert sorted(placed[:NUM_PHOTOS]) == list(range(NUM_PHOTOS))
    assert placed[NUM_PHOTOS:] == placed[:2]


@pytest.mark.parametrize("batch_size", [2, 3, 4, 10, 16])
def test_every_batch_is_full(data: TrainingData, batch_size: int) -> None:
    config = tiny_config(augment="none", batch_size=batch_size)
    assert {len(batch.images) for batch in batches(config, data)} == {batch_size}
    assert len(batches(config, data)) == TrainLoader(config, data).num_batches == -(-NUM_PHOTOS // batch_size)


def test_epochs_and_seeds_have_orders_of_their_own(data: TrainingData) -> None:
    orders = [order(tiny_config(augment="none", seed=seed), data, epoch) for seed in (0, 1) for epoch in (1, 2)]
    assert len({tuple(one) for one in orders}) == 4


def assert_same(one: list[Batch], other: list[Batch]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        assert torch.equal(mine.images, theirs.images) and torch.equal(mine.target, theirs.target)
        assert (mine.views is None) == (theirs.views is None)
        assert mine.views is None or theirs.views is None or torch.equal(mine.views, theirs.views)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("threads", [2, 5])
def test_the_number_of_threads_changes_no_batch(data: TrainingData, name: str, threads: int) -> None:
    config = tiny_config(**OPTIONS[name])
    assert_same(batches(config, data, threads=threads), batches(config, data))


@pytest.mark.parametrize("name", OPTIONS)
def test_a_later_epoch_does_not_depend_on_the_ones_before(data: TrainingData, name: str) -> None:
    config = tiny_config(**OPTIONS[name])
    loader = TrainLoader(config, data, 2)
    first = list(loader.epoch(1))
    assert_same(list(loader.epoch(2)), batches(config, data, epoch=2))
    assert_same(list(loader.epoch(1)), first)


def test_a_photo_is_augmented_anew_in_each_epoch(data: TrainingData) -> None:
    loader = TrainLoader(FULL, data)
    results = {loader.sample(0, epoch, 0)[0].tobytes() for epoch in range(1, 9)}
    assert len(results) == 8


def test_batches_are_bytes_in_channels_last_memory_with_whole_number_labels(data: TrainingData) -> None:
    images, target, views = batches(FULL, data)[0]
    assert (images.shape, images.dtype, target.shape, target.dtype) == (
        (4, 3, 64, 64), torch.uint8, (4, 64, 64), torch.int64,
    )  # fmt: skip
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert views is None


def test_views_for_the_consistency_loss_are_bytes_in_channels_last_memory(data: TrainingData) -> None:
    for batch in batches(tiny_config(color_augmix_ratio=1.0, jsd_weight=1.0), data):
        assert batch.views is not None
        assert (batch.views.shape, batch.views.dtype) == ((2, 4, 3, 64, 64), torch.uint8)
        assert all(view.is_contiguous(memory_format=torch.channels_last) for view in batch.views)


def test_without_augmentation_labels_belong_to_their_photo(data: TrainingData) -> None:
    target = batches(PLAIN, data)[0].target
    for place, index in enumerate(order(PLAIN, data)[:4]):
        assert np.array_equal(target[place].numpy(), data.train.labels[index])


def test_an_error_in_a_thread_reaches_the_caller(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BadInput("from the thread")

    loader = TrainLoader(PLAIN, data)
    monkeypatch.setattr(loader, "sample", fail)
    with pytest.raises(BadInput, match="from the thread"):
        list(loader.epoch(1))


def test_an_epoch_may_be_left_early(data: TrainingData) -> None:
    for _ in TrainLoader(PLAIN, data, 2).epoch(1):
        break
    assert len(batches(PLAIN, data)) == 3
