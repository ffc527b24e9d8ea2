"""The core training function: one configuration, from first weights to last epoch."""

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from trashseg_core import hardware
from trashseg_core.checkpoint import (
    Confusions,
    load_weights,
    read_config,
    read_state,
    read_weights,
    write_checkpoint,
)
from trashseg_core.config import TrialConfig
from trashseg_core.confusion import class_slugs, iou, miou, miou_low
from trashseg_core.data.cache import CachedSplit
from trashseg_core.data.dataset import TrainingData
from trashseg_core.errors import BadInput
from trashseg_core.inference.scoring import score
from trashseg_core.loader import TrainLoader
from trashseg_core.losses import Loss, build_loss
from trashseg_core.models import Network, build_model
from trashseg_core.optim import build_ema, build_optimizer, lr_factor, set_lr

Metrics = dict[str, float]
Report = Callable[[Metrics, Path], None]
"""Called once per epoch with the metrics and the checkpoint folder, which exists until the call returns."""


class TrainingFailed(RuntimeError):
    """The trial cannot go on, e.g. because its loss is no longer finite."""


def train(
    config: TrialConfig,
    data: TrainingData,
    report: Report,
    resume_from: Path | None = None,
    *,
    loader_threads: int = 1,
    scratch_dir: Path | None = None,
) -> None:
    """Train one model and report every epoch.

    Args:
        report: gets, once per epoch, `val_miou`, `val_miou_low`, `val_loss`, `train_loss`, `iou_<class slug>` of each
            class present, `epoch` (from 1), `lr`, `images_per_s`, `epoch_s`, `peak_memory_mb`, and a checkpoint folder.
        resume_from: a checkpoint folder; training goes on with its next epoch, to the same numbers as without a break.
        loader_threads: threads that make samples.
        scratch_dir: where checkpoint folders are written; the system's temporary folder by default.

    Raises:
        TrainingFailed: the loss is not finite, or no pixel of val counts.
        BadInput: the checkpoint does not fit, or pretrained weights cannot be had.
    """
    torch.manual_seed(config.seed)
    network = build_model(config, data.train.num_classes, pretrained=resume_from is None).to(hardware.device())
    optimizer = build_optimizer(config, network)
    ema = build_ema(config, network)
    first = 1 if resume_from is None else 1 + _restore(resume_from, config, network, optimizer, ema)
    loader, loss = TrainLoader(config, data, loader_threads), build_loss(config)
    best_network = network if ema is None else _average(ema)
    for epoch in range(first, config.epochs + 1):
        hardware.reset_peak_memory()
        started = time.perf_counter()
        train_loss = _train_epoch(config, epoch, network, optimizer, ema, loader, loss)
        trained = time.perf_counter()
        confusions, val_loss = score(best_network, config, data.val, loss)
        metrics = _metrics(confusions, data.val, train_loss, val_loss)
        metrics["epoch"] = epoch
        metrics["lr"] = optimizer.param_groups[-1]["lr"] / optimizer.param_groups[-1]["lr_ratio"]
        metrics["images_per_s"] = loader.num_batches * config.batch_size / (trained - started)
        metrics["epoch_s"] = time.perf_counter() - started
        metrics["peak_memory_mb"] = hardware.peak_memory_mb()
        with tempfile.TemporaryDirectory(dir=scratch_dir, prefix=".epoch.") as name:
            state = _state(epoch, metrics, network, optimizer, ema)
            scored = Confusions(confusions, data.val.file_names, data.val.class_names)
            write_checkpoint(Path(name), config, best_network.model, state, scored)
            report(metrics, Path(name))


def _train_epoch(
    config: TrialConfig,
    epoch: int,
    network: Network,
    optimizer: torch.optim.Optimizer,
    ema: AveragedModel | None,
    loader: TrainLoader,
    loss: Loss,
) -> float:
    """Run one pass over the train split; return the mean loss."""
    torch.manual_seed(hash((config.seed, epoch)))  # dropout: a function of the epoch, so that resuming is exact
    network.train()
    device, total = hardware.device(), torch.zeros(())
    total = total.to(device)
    for step, (images, target) in enumerate(loader.epoch(epoch)):
        progress = (epoch - 1 + step / loader.num_batches) / config.epochs
        set_lr(optimizer, config.lr * lr_factor(progress, config.warmup))
        with hardware.autocast(config):
            logits = network(images.to(device, non_blocking=True))
        value = loss(logits, target.to(device, non_blocking=True))
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        if ema is not None:
            ema.update_parameters(network)
        total += value.detach()
    mean = float(total) / loader.num_batches
    if not math.isfinite(mean):
        raise TrainingFailed(f"The training loss is {mean} in epoch {epoch}: diverged at lr={config.lr:g}.")
    return mean


def _metrics(confusions: np.ndarray, val: CachedSplit, train_loss: float, val_loss: float) -> Metrics:
    """Scores of one epoch; classes in neither truth nor prediction have none."""
    total = confusions.sum(axis=0)
    metrics = {"val_miou": float(miou(total)), "val_miou_low": miou_low(confusions)}
    metrics |= {"val_loss": val_loss, "train_loss": train_loss}
    for slug, value in zip(class_slugs(val.class_names), iou(total), strict=True):
        if not math.isnan(value):
            metrics[f"iou_{slug}"] = float(value)
    broken = [name for name, value in metrics.items() if not math.isfinite(value)]
    if broken:
        raise TrainingFailed(f"{broken[0]} is {metrics[broken[0]]}: the model diverged, or val has no labelled pixel.")
    return metrics


def _average(ema: AveragedModel) -> Network:
    assert isinstance(ema.module, Network)
    return ema.module


def _state(
    epoch: int, metrics: Metrics, network: Network, optimizer: torch.optim.Optimizer, ema: AveragedModel | None
) -> dict[str, Any]:
    """What `_restore` needs, in plain types and tensors."""
    state: dict[str, Any] = {"epoch": epoch, "metrics": metrics, "optimizer": optimizer.state_dict()}
    if ema is not None:  # model.safetensors holds the average; training goes on from the raw weights
        state |= {"raw": network.model.state_dict(), "ema_steps": int(ema.n_averaged)}
    return state


def _restore(
    folder: Path, config: TrialConfig, network: Network, optimizer: torch.optim.Optimizer, ema: AveragedModel | None
) -> int:
    """Load a checkpoint of the same config into freshly built parts; return its epoch."""
    for name, value in read_config(folder).to_dict().items():
        if value != getattr(config, name):
            given = f"`{name}` is {getattr(config, name)!r}, but {value!r} in {folder / 'config.json'}"
            raise BadInput(f"{given}. Go on with the same configuration, or start anew.")
    state = read_state(folder)
    weights = read_weights(folder / "model.safetensors")
    if ema is not None:
        load_weights(_average(ema).model, weights, folder / "model.safetensors")
        ema.n_averaged.fill_(state["ema_steps"])
        weights = state["raw"]
    load_weights(network.model, weights, folder / "model.safetensors")
    optimizer.load_state_dict(state["optimizer"])
    return int(state["epoch"])
