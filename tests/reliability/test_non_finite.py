"""Numbers that are not finite end a training with a reason, wherever they come from; nothing reports or keeps them."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny import Reports, tiny_config, tiny_network
from trashseg_core import train as train_module
from trashseg_core.checkpoint import STATE, WEIGHTS, read_network, read_weights
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput, TrainingFailed
from trashseg_core.train import train
from trashseg_core.training import epoch as epoch_module

pytestmark = pytest.mark.reliability("non-finite")


@pytest.fixture
def data(sample_folder: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingData:
    monkeypatch.setattr(train_module, "build_model", tiny_network)
    return open_data(DataFolder(str(sample_folder)), tiny_config())


def spoil(monkeypatch: pytest.MonkeyPatch, at: int, what: str, value: float) -> None:
    """From an epoch on, put a value that is not finite into the loss, the weights or what BatchNorm has counted."""
    step = epoch_module._step
    steps: list[int] = []

    def spoilt(config: Any, parts: Any, batch: Any) -> Any:
        loss = step(config, parts, batch)
        steps.append(1)
        if len(steps) > 4 * (at - 1):  # 16 photos in batches of 4
            if what == "loss":
                return loss * value
            network = parts.network if parts.average is None else parts.average.module
            state = network.model.state_dict()
            state["4.weight" if what == "weights" else "1.running_mean"].view(-1)[0] = value
        return loss

    monkeypatch.setattr(epoch_module, "_step", spoilt)


@pytest.mark.parametrize("average", ["none", "ema"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("what", ["loss", "weights", "statistics"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_training_fails_in_the_epoch_in_which_something_is_no_longer_finite(
    data: TrainingData,
    reports: Reports,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    what: str,
    value: float,
    average: str,
) -> None:
    spoil(monkeypatch, at, what, value)
    with pytest.raises(TrainingFailed, match="loss|not finite|diverged"):
        train(tiny_config(epochs=3, weight_average=average), data, reports)
    assert [row["epoch"] for row in reports.metrics] == list(range(1, at))
    assert all(math.isfinite(number) for row in reports.metrics for number in row.values())
    for folder in reports.checkpoints:
        assert all(values.isfinite().all() for values in read_weights(folder / WEIGHTS).values())
        assert (folder / STATE).is_file()


def test_weights_that_are_not_finite_never_predict(data: TrainingData, reports: Reports, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    train(tiny_config(epochs=1), data, reports)
    path = reports.checkpoints[0] / WEIGHTS
    weights = load_file(path)
    weights["4.weight"].view(-1)[0] = torch.nan
    save_file(weights, path)
    with pytest.raises(BadInput, match="`4.weight` is not finite"):
        network_of(reports.checkpoints[0], data)


def network_of(folder: Path, data: TrainingData) -> Any:
    from trashseg_core import checkpoint

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "build_model", tiny_network)
        return read_network(folder, tiny_config(epochs=1), data.train.num_classes)
