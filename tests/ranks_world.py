"""Processes that train together for tests, over gloo on this machine."""

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torch.distributed as dist
from timm.layers import BatchNormAct2d
from torch import nn

import trashseg_core.train
from tests.tiny import Reports, tiny_config
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.models import Network
from trashseg_core.training.ranks import FirstRankLeft

SCENARIOS: dict[str, dict[str, Any]] = {
    "plain": {},
    "lovasz": {"loss_mix": "lovasz", "optimizer": "sgd", "clip_norm": 0.5},
    "parts": {"accumulation": 2, "batch_size": 8},
    "swa": {"weight_average": "swa", "swa_start": 0.0},
    "views": {"color_augmix_ratio": 1.0, "jsd_weight": 1.0, "weight_average": "none"},
}
"""Fields that differ from the tiny config, by name."""


def config_of(scenario: str) -> TrialConfig:
    """The config of a scenario."""
    return tiny_config(**{"epochs": 3, "lr": 0.01, "batch_size": 6, **SCENARIOS[scenario]})


def normed_network(config: TrialConfig, num_classes: int, pretrained: bool = True) -> Network:
    """Stands in for `build_model`: convolutions with both kinds of BatchNorm, and a weight that is never used.

    The norms follow on no bias: its gradient is rounding noise around 0, of which AdamW makes steps of full length.
    """
    first, second = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Conv2d(8, 8, 1, bias=False)
    layers = nn.Sequential(first, BatchNormAct2d(8), second, nn.BatchNorm2d(8), nn.ReLU())
    layers.append(nn.Conv2d(8, num_classes, 1))
    layers.register_parameter("unused", nn.Parameter(torch.ones(3)))
    return Network(layers, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def train_scenario(scenario: str, data: Path, reports: Any, resume_from: Path | None = None) -> None:
    """Train in this process, which may be one of several ranks."""
    config = config_of(scenario)
    opened = open_data(DataFolder(str(data)), config)
    with mock.patch.object(trashseg_core.train, "build_model", normed_network):
        trashseg_core.train.train(config, opened, reports, resume_from)


def run_world(size: int, work: Callable[..., None], *arguments: Any) -> list[int | None]:
    """Run `work(rank, *arguments)` in so many new processes that form a group; return their exit codes."""
    context = multiprocessing.get_context("spawn")
    store = Path(arguments[0]) / "store"
    processes = [context.Process(target=_run, args=(rank, size, store, work, arguments)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes]


def _run(rank: int, size: int, store: Path, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    wait = timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=size, timeout=wait)
    work(rank, *arguments)
    dist.destroy_process_group()


def train_all(rank: int, folder: Path, data: Path) -> None:
    """Every scenario; the first one again from its first epoch's checkpoint, and once more stopped after two."""
    for scenario in SCENARIOS:
        train_scenario(scenario, data, _reports(rank, folder / scenario))
        if rank:  # what only rank 0 reports
            assert not list((folder / f"{scenario}_{rank}").iterdir())
    train_scenario("plain", data, _reports(rank, folder / "resumed"), folder / "plain_0" / "report_000")
    with suppress(StopIteration, FirstRankLeft):
        train_scenario("plain", data, _StopsAtTwo(_reports(rank, folder / "stopped")))
        (folder / f"not_stopped_{rank}").touch()


def _reports(rank: int, path: Path) -> Reports:
    folder = path.with_name(f"{path.name}_{rank}")
    folder.mkdir()
    return Reports(folder)


class _StopsAtTwo:
    """A `report` that ends the training like a scheduler."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def __call__(self, metrics: dict[str, float], checkpoint: Path) -> None:
        self._reports(metrics, checkpoint)
        if metrics["epoch"] == 2:
            raise StopIteration
