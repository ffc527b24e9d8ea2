"""The core training function: one configuration, from first weights to last epoch."""

import functools
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from trashseg_core import hardware
from trashseg_core.checkpoint import (
    STATE,
    Confusions,
    checkpoint_bytes,
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
from trashseg_core.errors import BadInput, TrainingFailed
from trashseg_core.inference.scoring import refresh_statistics, score
from trashseg_core.losses import build_loss
from trashseg_core.models import Network, build_model
from trashseg_core.optim import build_average, build_optimizer
from trashseg_core.training.class_balance import class_weights, count_pixels
from trashseg_core.training.distillation import Teacher
from trashseg_core.training.epoch import Parts, run_epoch
from trashseg_core.training.loader import TrainLoader
from trashseg_core.training.ranks import find_ranks
from trashseg_core.training.saved_state import load_optimizer
from trashseg_core.training.shares import check_share

Metrics = dict[str, float]
Report = Callable[[Metrics, Path], None]
"""Called once per epoch with the metrics and the checkpoint folder, which exists until the call returns."""


def train(
    config: TrialConfig,
    data: TrainingData,
    report: Report,
    resume_from: Path | None = None,
    *,
    loader_threads: int = 1,
    scratch_dir: Path | None = None,
    make_room: Callable[[int], None] | None = None,
    teacher: Teacher | None = None,
    each_step: Callable[[], None] = lambda: None,
) -> None:
    """Train one model and report every epoch.

    Within a process group of torch (`torch.distributed`) all ranks call it with the same arguments. Each takes its
    share of every batch and of the scoring; rank 0 alone reports, and the others end when its `report` raises.

    Args:
        report: gets, once per epoch, `val_miou`, `val_miou_low`, `val_loss`, `train_loss`, `iou_<class slug>` of each
            class present, `epoch` (from 1), `lr`, `images_per_s`, `epoch_s`, `peak_memory_mb`, `val_s_per_image`
            (from fitted photos to logits, in the fastest of val's batches), `parameters_m` (millions of weights),
            `micro_batch_size` (samples computed at a time; halved when a GPU's memory ran out), and a checkpoint
            folder.
        resume_from: a checkpoint folder; training goes on with its next epoch, to the same numbers as without a break.
        loader_threads: threads that make samples.
        scratch_dir: where checkpoint folders are written; the system's temporary folder by default.
        make_room: called before each checkpoint is written, with the bytes that it takes at most.
        teacher: whom to learn from besides the labels, exactly where `distill_weight` is above 0.
        each_step: called after each batch that is trained on or scored: whoever watches sees that training goes on.

    Raises:
        TrainingFailed: the loss or a weight is not finite, or no pixel of val counts.
        BadInput: the checkpoint does not fit, pretrained weights cannot be had, the teacher is missing, or the ranks
            cannot share a batch.
        FirstRankLeft: on the other ranks, when rank 0 was stopped or failed.
    """
    if (teacher is not None) != (config.distill_weight > 0):
        raise BadInput(
            f"`distill_weight` is {config.distill_weight:g} with{'out' if teacher is None else ''} a teacher. "
            "Learn from an ensemble with `train --teacher ENSEMBLE --set distill_weight=0.5`."
        )
    torch.manual_seed(config.seed)
    destination = _Destination(report, scratch_dir, make_room)
    parts = _build(config, data, pretrained=resume_from is None)
    parts.teacher, parts.each_step = teacher, each_step
    first = 1 if resume_from is None else 1 + _restore(resume_from, config, parts)
    parts.ranks.copy_first(parts.network)
    loader = TrainLoader(config, data, loader_threads, parts.ranks)
    for epoch in range(first, config.epochs + 1):
        hardware.reset_peak_memory()
        started = time.perf_counter()
        train_loss = run_epoch(config, epoch, parts, loader)
        trained = time.perf_counter()
        best = _network_to_keep(config, epoch, parts, data.train)
        _check_finite(best, epoch)
        seconds: list[float] = []
        confusions, val_loss = score(best, config, data.val, parts.loss, seconds, parts.ranks, each_step)
        metrics = _metrics(confusions, data.val, train_loss, val_loss)
        metrics["epoch"] = epoch
        metrics["lr"] = parts.optimizer.param_groups[-1]["lr"] / parts.optimizer.param_groups[-1]["lr_ratio"]
        metrics["images_per_s"] = loader.num_batches * config.batch_size / (trained - started)
        metrics["epoch_s"] = time.perf_counter() - started
        metrics["peak_memory_mb"] = hardware.peak_memory_mb()
        metrics["val_s_per_image"] = min(seconds, default=0.0)  # other work on the machine only ever adds
        metrics["parameters_m"] = parts.network.parameters_m
        metrics["micro_batch_size"] = config.batch_size // parts.accumulation
        scored = Confusions(confusions, data.val.file_names, data.val.class_names)
        hand_over = functools.partial(_hand_over, destination, config, best, parts, metrics, scored)
        parts.ranks.run_on_first(hand_over)


class _Destination(NamedTuple):
    """Where an epoch goes; see `train`."""

    report: Report
    scratch_dir: Path | None
    make_room: Callable[[int], None] | None


def _hand_over(
    destination: _Destination,
    config: TrialConfig,
    best: Network,
    parts: Parts,
    metrics: Metrics,
    scored: Confusions,
) -> None:
    """Write the checkpoint of an epoch and report it."""
    state = _state(int(metrics["epoch"]), metrics, parts)
    if destination.make_room is not None:
        destination.make_room(checkpoint_bytes(best.model, state, scored))
    with tempfile.TemporaryDirectory(dir=destination.scratch_dir, prefix=".epoch.") as name:
        write_checkpoint(Path(name), config, best.model, state, scored)
        destination.report(metrics, Path(name))


def _build(config: TrialConfig, data: TrainingData, pretrained: bool) -> Parts:
    ranks = find_ranks()
    check_share(config, ranks.size)
    network = build_model(config, data.train.num_classes, pretrained).to(hardware.device())
    weights = None if config.class_weights == "none" else class_weights(config, count_pixels(data.train))
    optimizer, average = build_optimizer(config, network), build_average(config, network)
    if config.compile:
        network.model.compile()
    return Parts(network, optimizer, average, build_loss(config, weights), config.accumulation, ranks=ranks)


def _network_to_keep(config: TrialConfig, epoch: int, parts: Parts, train_split: CachedSplit) -> Network:
    """The network that is scored and kept after an epoch: the average, where there is one yet."""
    if parts.average is None:
        return parts.network
    if config.weight_average == "swa":
        if epoch < config.epochs and epoch / config.epochs <= config.swa_start:
            return parts.network
        parts.average.update_parameters(parts.network)
        refresh_statistics(_average(parts.average), config, train_split, parts.each_step)
        parts.ranks.copy_first(parts.average)
    return _average(parts.average)


def _check_finite(network: Network, epoch: int) -> None:
    """An infinite weight may hide: behind a ReLU the logits, and so the scores, can be finite.

    Raises:
        TrainingFailed: naming the tensor.
    """
    for name, values in network.model.state_dict().items():
        if not values.isfinite().all():
            raise TrainingFailed(f"`{name}` is not finite after epoch {epoch}: the model diverged.")


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


def _state(epoch: int, metrics: Metrics, parts: Parts) -> dict[str, Any]:
    """What `_restore` needs, in plain types and tensors."""
    state: dict[str, Any] = {"epoch": epoch, "metrics": metrics, "optimizer": parts.optimizer.state_dict()}
    state |= {"accumulation": parts.accumulation, "ran_out": parts.ran_out}
    if parts.teacher is not None:
        state["teacher"] = parts.teacher.key
    if parts.average is not None:  # model.safetensors holds the average; training goes on from the raw weights
        state |= {"raw": parts.network.model.state_dict(), "averaged_steps": int(parts.average.n_averaged)}
    return state


def _restore(folder: Path, config: TrialConfig, parts: Parts) -> int:
    """Load a checkpoint of the same config into freshly built parts; return its epoch."""
    for name, value in read_config(folder).to_dict().items():
        if value != getattr(config, name):
            given = f"`{name}` is {getattr(config, name)!r}, but {value!r} in {folder / 'config.json'}"
            raise BadInput(f"{given}. Go on with the same configuration, or start anew.")
    state = read_state(folder)
    if parts.teacher is not None and state.get("teacher") != parts.teacher.key:
        raise BadInput(f"{folder} learned from another teacher. Go on with the same ensemble, or start anew.")
    weights = read_weights(folder / "model.safetensors")
    try:
        return _load(folder, config, parts, state, weights)
    except BadInput:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        told = " ".join(str(error).split())[:120]
        raise BadInput(
            f"{folder / STATE}: does not fit ({type(error).__name__}: {told}). Remove this folder."
        ) from None


def _load(folder: Path, config: TrialConfig, parts: Parts, state: dict[str, Any], weights: dict[str, Tensor]) -> int:
    if parts.average is not None:
        load_weights(_average(parts.average).model, weights, folder / "model.safetensors")
        parts.average.n_averaged.fill_(int(state["averaged_steps"]))
        weights = state["raw"]
    load_weights(parts.network.model, weights, folder / (STATE if parts.average is not None else "model.safetensors"))
    load_optimizer(config, parts.optimizer, state["optimizer"])
    parts.accumulation, parts.ran_out = int(state["accumulation"]), bool(state["ran_out"])
    if parts.accumulation < 1 or config.batch_size % parts.accumulation:
        raise ValueError(f"accumulation {parts.accumulation}")
    return int(state["epoch"])
