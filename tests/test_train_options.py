"""Options of a whole training: averages, compilation, class weights, accumulation."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.tiny import Reports, equal_weights, tiny_config, tiny_network
from trashseg_core import train as train_module
from trashseg_core.checkpoint import WEIGHTS, read_weights
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.train import train


@pytest.fixture
def data(sample_folder: Path) -> TrainingData:
    return open_data(DataFolder(str(sample_folder)), tiny_config())


def trained(config: TrialConfig, data: TrainingData, folder: Path) -> Reports:
    folder.mkdir()
    reports = Reports(folder)
    train(config, data, reports)
    return reports


def test_swa_keeps_the_mean_of_the_last_epochs(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_module, "build_model", tiny_network)
    config = tiny_config(epochs=4, lr=0.05, weight_average="swa", swa_start=0.5)
    averaged = trained(config, data, tmp_path / "swa")
    raw = trained(dataclasses.replace(config, weight_average="none"), data, tmp_path / "raw")
    ends = [[read_weights(path / WEIGHTS) for path in reports.checkpoints] for reports in (averaged, raw)]
    assert equal_weights(*(end[1] for end in ends))  # not begun yet
    mean = (ends[1][2]["0.weight"] + ends[1][3]["0.weight"]) / 2
    torch.testing.assert_close(ends[0][3]["0.weight"], mean)
    assert not torch.equal(ends[0][3]["1.running_mean"], ends[1][3]["1.running_mean"])


def test_the_micro_batch_is_reported(data: TrainingData, tmp_path: Path) -> None:
    reports = trained(tiny_config(epochs=1, accumulation=2), data, tmp_path / "run")
    assert reports.metrics[0]["micro_batch_size"] == 2


def test_a_compiled_model_learns_the_same(data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced as for a GPU; without the machine code, which takes a minute to make here."""
    seen: list[nn.Module] = []

    def compile_by_tracing(module: nn.Module) -> None:
        seen.append(module)
        module._compiled_call_impl = torch.compile(module._call_impl, backend="aot_eager")

    monkeypatch.setattr(nn.Module, "compile", compile_by_tracing)
    plain = trained(tiny_config(epochs=1), data, tmp_path / "plain")
    assert not seen
    compiled = trained(tiny_config(epochs=1, compile=True), data, tmp_path / "compiled")
    assert len(seen) == 1
    assert compiled.metrics[0]["train_loss"] == pytest.approx(plain.metrics[0]["train_loss"], rel=0.01)
    names = [set(read_weights(reports.checkpoints[0] / WEIGHTS)) for reports in (plain, compiled)]
    assert names[0] == names[1]


def test_class_weights_come_from_the_train_split(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_module, "build_model", tiny_network)
    losses = [
        trained(tiny_config(epochs=1, loss_mix="ce", class_weights=kind), data, tmp_path / kind).metrics[0][
            "train_loss"
        ]
        for kind in ("none", "inverse_sqrt", "effective_number")
    ]
    assert len(set(losses)) == 3


OPTIONS = {
    "one_cycle": {"schedule": "one_cycle"},
    "poly": {"schedule": "poly"},
    "constant": {"schedule": "constant"},
    "strong": {"augment": "strong"},
    "mixing": {"mosaic_ratio": 0.5, "cutmix_ratio": 0.5, "classmix_ratio": 0.5},
    "rare classes": {"rare_class_temperature": 0.1},
    "colours": {"color_augmix_ratio": 1.0},
    "consistency": {"color_augmix_ratio": 1.0, "jsd_weight": 1.0},
    "scales": {"scale_min": 0.5, "scale_max": 2.0},
    "crops": {"image_size": 64, "source_size": 96},
    "parts": {"clip_norm": 0.1, "accumulation": 2},
    "class weights": {"class_weights": "inverse_sqrt"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_resumes_to_the_same_numbers(
    name: str, sample_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_module, "build_model", tiny_network)
    config = tiny_config(epochs=3, **OPTIONS[name])
    opened = open_data(DataFolder(str(sample_folder)), config)
    whole = trained(config, opened, tmp_path / "whole")
    (tmp_path / "rest").mkdir()
    rest = Reports(tmp_path / "rest")
    train(config, opened, rest, resume_from=whole.checkpoints[0], loader_threads=2)
    assert [one["train_loss"] for one in rest.metrics] == [one["train_loss"] for one in whole.metrics[1:]]
    assert equal_weights(*(read_weights(one.checkpoints[-1] / WEIGHTS) for one in (whole, rest)))


@pytest.mark.parametrize("options", [{"freeze_epochs": 2}, {"presence_weight": 0.5, "decoder_name": "fpn"}])
def test_an_option_of_the_network_resumes_to_the_same_numbers(
    options: dict[str, Any], data: TrainingData, tmp_path: Path
) -> None:
    config = tiny_config(epochs=3, **options)
    whole = trained(config, data, tmp_path / "whole")
    (tmp_path / "rest").mkdir()
    rest = Reports(tmp_path / "rest")
    train(config, data, rest, resume_from=whole.checkpoints[0])
    assert equal_weights(*(read_weights(one.checkpoints[-1] / WEIGHTS) for one in (whole, rest)))
