"""A checkpoint folder gives back what was written, and refuses what is damaged, foreign or hostile."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from tests.tiny import Reports, equal_weights, tiny_config
from trashseg_core.checkpoint import (
    CONFIG,
    CONFUSIONS,
    STATE,
    WEIGHTS,
    Confusions,
    checkpoint_bytes,
    load_weights,
    read_config,
    read_confusions,
    read_network,
    read_state,
    read_weights,
    write_checkpoint,
)
from trashseg_core.data.dataset import open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput
from trashseg_core.models import Network, build_model
from trashseg_core.optim import build_optimizer
from trashseg_core.train import train

CONFUSION = Confusions(np.arange(18).reshape(2, 3, 3), ["a/ü.jpg", "b.jpg"], ["Background", "paper", "metal"])


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return build_model(tiny_config(), 3)


@pytest.fixture
def folder(tmp_path: Path, network: Network) -> Path:
    write_checkpoint(tmp_path, tiny_config(), network.model, {"epoch": 3, "lists": [1, "a", None]}, CONFUSION)
    return tmp_path


def test_the_folder_holds_the_four_files_of_the_contract(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["config.json", "confusions.npz", "model.safetensors", "state.pt"]


@pytest.mark.parametrize("optimizer", ("madgrad", "adamw", "sgd", "lion"))
def test_the_bytes_foreseen_are_never_less_than_those_written_and_hardly_more(
    tmp_path: Path, network: Network, optimizer: Any
) -> None:
    built = build_optimizer(tiny_config(optimizer=optimizer), network)
    for weight in network.model.parameters():
        weight.grad = torch.zeros_like(weight)
    built.step()
    state = {"epoch": 1, "optimizer": built.state_dict(), "raw": network.model.state_dict()}
    foreseen = checkpoint_bytes(network.model, state, CONFUSION)
    write_checkpoint(tmp_path, tiny_config(), network.model, state, CONFUSION)
    written = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert written <= foreseen <= 1.3 * written


def test_config_state_and_confusions_come_back_as_written(folder: Path) -> None:
    assert read_config(folder) == tiny_config()
    assert read_state(folder) == {"epoch": 3, "lists": [1, "a", None]}
    read = read_confusions(folder)
    assert np.array_equal(read.per_image, CONFUSION.per_image) and read.per_image.dtype == np.int64
    assert (read.file_names, read.class_names) == (CONFUSION.file_names, CONFUSION.class_names)


def test_the_network_comes_back_bit_for_bit(folder: Path, network: Network) -> None:
    read = read_network(folder, tiny_config(), 3)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    assert equal_weights(read.state_dict(), network.state_dict())
    assert torch.equal(read.eval()(images), network.eval()(images))


def test_weights_of_another_number_of_classes_name_the_first_key_that_differs(folder: Path) -> None:
    with pytest.raises(BadInput, match="`segmentation_head.0.bias` has shape .3,., but the model needs .5,."):
        read_network(folder, tiny_config(), 5)


def test_weights_of_another_decoder_name_the_first_key_that_differs(folder: Path) -> None:
    with pytest.raises(BadInput, match="model.safetensors: `decoder.blocks.0.* is .*Wrong architecture"):
        read_network(folder, tiny_config(decoder_name="unet"), 3)


@pytest.mark.parametrize(("change", "word"), [("drop", "missing"), ("add", "unknown")])
def test_a_missing_or_unknown_key_is_named(network: Network, change: str, word: str) -> None:
    weights = dict(network.model.state_dict())
    if change == "drop":
        del weights["segmentation_head.0.bias"]
    else:
        weights = {**weights, "a": torch.zeros(1)}
    key = "a" if change == "add" else "segmentation_head.0.bias"
    with pytest.raises(BadInput, match=f"x: `{key}` is {word}. Wrong architecture"):
        load_weights(network.model, weights, Path("x"))


def test_a_checkpoint_of_another_architecture_changes_no_weight(folder: Path, network: Network) -> None:
    before = {key: value.clone() for key, value in network.model.state_dict().items()}
    weights = {**before, "segmentation_head.0.bias": torch.zeros(9)}
    with pytest.raises(BadInput, match="Wrong architecture or number of classes"):
        load_weights(network.model, weights, Path("x"))
    assert equal_weights(before, network.model.state_dict())


class Bomb:
    """Unpickling it would run a command."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)


def test_code_in_the_state_file_is_refused_and_nothing_runs(folder: Path, tmp_path: Path) -> None:
    torch.save({"epoch": Bomb(tmp_path / "ran")}, folder / STATE)
    with pytest.raises(BadInput, match="state.pt: cannot be read .UnpicklingError.*Remove this folder"):
        read_state(folder)
    assert not (tmp_path / "ran").exists()


def test_pickled_objects_in_the_confusions_are_refused_and_nothing_runs(folder: Path, tmp_path: Path) -> None:
    np.savez(folder / CONFUSIONS, per_image=np.array([Bomb(tmp_path / "ran")], object), file_names=[], class_names=[])
    with pytest.raises(BadInput, match="confusions.npz: cannot be read .ValueError"):
        read_confusions(folder)
    assert not (tmp_path / "ran").exists()


def damage(path: Path, how: str) -> None:
    match how:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "cut off":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "foreign":
            path.write_bytes(b"<html>not found</html>")


@pytest.mark.parametrize("how", ["missing", "empty", "cut off", "foreign"])
def test_damaged_weights_are_refused(folder: Path, how: str) -> None:
    damage(folder / WEIGHTS, how)
    with pytest.raises(BadInput, match="model.safetensors: weights cannot be read"):
        read_weights(folder / WEIGHTS)


@pytest.mark.parametrize("how", ["missing", "empty", "cut off", "foreign"])
def test_a_damaged_state_is_refused(folder: Path, how: str) -> None:
    damage(folder / STATE, how)
    with pytest.raises(BadInput, match="state.pt: cannot be read"):
        read_state(folder)


@pytest.mark.parametrize("how", ["missing", "empty", "cut off", "foreign"])
def test_damaged_confusions_are_refused(folder: Path, how: str) -> None:
    damage(folder / CONFUSIONS, how)
    with pytest.raises(BadInput, match="confusions.npz: cannot be read"):
        read_confusions(folder)


@pytest.mark.parametrize("how", ["missing", "empty", "cut off", "foreign"])
def test_a_damaged_config_is_refused(folder: Path, how: str) -> None:
    damage(folder / CONFIG, how)
    with pytest.raises(BadInput, match="config.json: (cannot be read|not valid JSON)"):
        read_config(folder)


@pytest.mark.parametrize(
    ("content", "message"), [([1], "not a configuration"), ({"lrr": 1}, "Unknown hyperparameter `lrr`")]
)
def test_json_that_is_no_config_is_refused(folder: Path, content: Any, message: str) -> None:
    (folder / CONFIG).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        read_config(folder)


def test_the_stored_weights_are_the_moving_average_and_the_state_holds_the_raw_ones(
    sample_folder: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[AveragedModel] = []
    step = AveragedModel.update_parameters

    def spy(self: AveragedModel, model: torch.nn.Module) -> None:
        kept[:] = [self]
        step(self, model)

    monkeypatch.setattr(AveragedModel, "update_parameters", spy)
    config = tiny_config(epochs=1, ema_decay=0.9)
    train(config, open_data(DataFolder(str(sample_folder)), config), reports)
    stored, raw = read_weights(reports.checkpoints[0] / WEIGHTS), read_state(reports.checkpoints[0])["raw"]
    assert equal_weights(stored, kept[0].module.get_submodule("model").state_dict())
    assert not torch.equal(stored["segmentation_head.0.weight"], raw["segmentation_head.0.weight"])


@pytest.mark.parametrize(
    ("change", "said"),
    (
        (lambda values: values.double(), "holds torch.float64, but the model needs torch.float32"),
        (lambda values: torch.full_like(values, torch.nan), "is not finite, so the file is damaged"),
    ),
)
def test_weights_of_another_type_or_that_are_not_finite_are_refused(
    folder: Path, network: Network, change: Any, said: str
) -> None:
    weights = read_weights(folder / WEIGHTS)
    first = min(name for name, values in weights.items() if values.is_floating_point())
    with pytest.raises(BadInput, match=said):
        load_weights(network.model, {**weights, first: change(weights[first])}, folder / WEIGHTS)


def test_weights_of_a_type_that_torch_lacks_are_bad_input(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content.replace(b'"F32"', b'"F4" ', 1))
    with pytest.raises(BadInput, match="weights cannot be read"):
        read_weights(folder / WEIGHTS)


@pytest.mark.parametrize("state", ([], {}, {"epoch": "3"}, {"epoch": 0}))
def test_a_state_of_something_else_is_refused(folder: Path, state: Any) -> None:
    torch.save(state, folder / STATE)
    with pytest.raises(BadInput, match="state.pt: cannot be read"):
        read_state(folder)
