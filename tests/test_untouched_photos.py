"""Val photos are scored as they are, and no ingredient of training writes into the cache."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny import Reports, tiny_config, tiny_network, write_folder
from trashseg_core import train as train_module
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.models import Network
from trashseg_core.train import train
from trashseg_core.training.loader import TrainLoader

EVERYTHING: dict[str, Any] = {
    **dict.fromkeys(("augmix_ratio", "mosaic_ratio", "cutmix_ratio", "classmix_ratio", "color_augmix_ratio"), 1.0),
    "augment": "strong",
    "rare_class_temperature": 0.5,
    "scale_min": 0.5,
    "scale_max": 2.0,
}
NOTHING: dict[str, Any] = {"augment": "none", "augmix_ratio": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    sizes = {"train": [(64, 48)] * 6, "val": [(64, 64), (40, 64), (64, 64)]}
    return DataFolder(str(write_folder(tmp_path_factory.mktemp("untouched"), sizes)))


def arrays(data: TrainingData) -> list[np.ndarray]:
    return [array for split in (data.train, data.val) for array in (split.images, split.labels, split.native)]


def seen_in_evaluation(
    config: TrialConfig, folder: DataFolder, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> list[torch.Tensor]:
    """Photos that the network gets in evaluation mode over a training, each uint8 (3, S, S)."""
    seen: list[torch.Tensor] = []

    def record(network: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if not network.training:
            seen.extend(inputs[0].cpu().clone())

    def build(config: TrialConfig, num_classes: int, pretrained: bool = True) -> Network:
        network = tiny_network(config, num_classes, pretrained)
        network.register_forward_pre_hook(record)
        return network

    monkeypatch.setattr(train_module, "build_model", build)
    train(config, open_data(folder, config), reports)
    return seen


@pytest.mark.parametrize("fields", [NOTHING, EVERYTHING, EVERYTHING | {"source_size": 128}])
def test_the_network_is_scored_on_the_val_photos_as_they_are(
    folder: DataFolder, reports: Reports, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    config = tiny_config(**fields)
    seen = seen_in_evaluation(config, folder, reports, monkeypatch)
    val = torch.from_numpy(np.array(open_data(folder, config).val.images)).permute(0, 3, 1, 2)
    assert len(seen) == config.epochs * len(val)
    assert all(torch.equal(one, val[place % len(val)]) for place, one in enumerate(seen))


def test_val_truth_is_the_same_whatever_training_does(folder: DataFolder) -> None:
    plain, mixed = (open_data(folder, tiny_config(**fields)) for fields in (NOTHING, EVERYTHING))
    assert (plain.bank is None, mixed.bank is None) == (True, False)
    assert [array.tobytes() for array in arrays(plain)] == [array.tobytes() for array in arrays(mixed)]


def test_no_ingredient_writes_into_the_cache(folder: DataFolder) -> None:
    config = tiny_config(**EVERYTHING, source_size=128)
    data = open_data(folder, config)
    assert data.bank is not None
    kept = [*arrays(data), data.bank.pixels]
    before = [array.tobytes() for array in kept]
    for _ in TrainLoader(config, data, 2).epoch(1):
        pass
    assert before == [array.tobytes() for array in kept]
    assert not any(array.flags.writeable for array in kept)


def test_samples_are_made_of_the_train_split_alone(folder: DataFolder) -> None:
    """A val split that cannot be read makes no difference."""
    config = tiny_config(**EVERYTHING)
    data = open_data(folder, config)
    blind = TrainingData(data.train, replace(data.val, images=None, labels=None, native=None), data.bank)
    for one, other in zip(TrainLoader(config, data).epoch(1), TrainLoader(config, blind).epoch(1), strict=True):
        assert torch.equal(one.images, other.images) and torch.equal(one.target, other.target)


def test_val_photos_are_nowhere_in_the_batches(folder: DataFolder) -> None:
    config = tiny_config(augment="none", augmix_ratio=0.0)
    data = open_data(folder, config)
    val = {image.tobytes() for image in data.val.images}
    for batch in TrainLoader(config, data).epoch(1):
        assert not val & {image.tobytes() for image in batch.images.permute(0, 2, 3, 1).numpy()}


@pytest.mark.reliability("data-untouched")
def test_the_folder_of_photos_is_not_written_to(folder: DataFolder) -> None:
    config = tiny_config(**EVERYTHING)
    root = Path(folder.path)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    for _ in TrainLoader(config, open_data(folder, config)).epoch(1):
        pass
    assert before == {path: path.stat().st_mtime_ns for path in root.rglob("*")}
