"""One pass over the train split: batches to gradients to steps."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from trashseg_core import hardware
from trashseg_core.config import TrialConfig
from trashseg_core.data.label_maps import IGNORED
from trashseg_core.errors import TrainingFailed
from trashseg_core.losses import Loss, jensen_shannon
from trashseg_core.models import Network
from trashseg_core.optim import set_lr
from trashseg_core.training.distillation import Teacher, distillation_loss
from trashseg_core.training.loader import Batch, TrainLoader
from trashseg_core.training.ranks import ALONE, Ranks
from trashseg_core.training.schedules import lr_factor


@dataclass
class Parts:
    """What a training consists of besides its data."""

    network: Network
    optimizer: torch.optim.Optimizer
    average: AveragedModel | None
    loss: Loss
    accumulation: int
    """Parts that a batch is computed in: the config's, or twice that after the GPU's memory ran out."""
    ran_out: bool = False
    ranks: Ranks = ALONE
    teacher: Teacher | None = None
    """Whom the network learns from besides the labels, where `distill_weight` is on."""
    each_step: Callable[[], None] = lambda: None
    """Called after each batch."""


def run_epoch(config: TrialConfig, epoch: int, parts: Parts, loader: TrainLoader) -> float:
    """Train one epoch, counted from 1; return the mean loss.

    Raises:
        TrainingFailed: the loss is not finite, or memory ran out twice.
    """
    # Dropout is a function of the epoch, so that resuming is exact, and of the rank.
    torch.manual_seed(hash((config.seed, epoch)) + parts.ranks.rank)
    parts.network.train()
    _freeze(parts.network, epoch <= config.freeze_epochs)
    total = torch.zeros((), device=hardware.device())
    for step, batch in enumerate(loader.epoch(epoch)):
        progress = (epoch - 1 + step / loader.num_batches) / config.epochs
        set_lr(parts.optimizer, config.lr * lr_factor(config, progress))
        total += _step(config, parts, batch)
        parts.each_step()
    mean = float(total) / loader.num_batches
    if not math.isfinite(mean):
        raise TrainingFailed(f"The training loss is {mean} in epoch {epoch}: diverged at lr={config.lr:g}.")
    return mean


def _freeze(network: Network, frozen: bool) -> None:
    encoder = network.model.get_submodule("encoder") if hasattr(network.model, "encoder") else None
    if encoder is not None:
        encoder.requires_grad_(not frozen)
        encoder.train(not frozen)


def _step(config: TrialConfig, parts: Parts, batch: Batch) -> Tensor:
    """One optimizer step; return the loss. A batch that does not fit into memory is tried once more in halves."""
    while True:
        parts.optimizer.zero_grad(set_to_none=True)
        try:
            value = _gradients(config, parts, batch)
            break
        except torch.OutOfMemoryError:
            _halve(config, parts)
    parts.ranks.add_gradients(parts.network)
    if config.clip_norm:
        torch.nn.utils.clip_grad_norm_(parts.network.parameters(), config.clip_norm, foreach=True)
    parts.optimizer.step()
    if parts.average is not None and config.weight_average == "ema":
        parts.average.update_parameters(parts.network)
    return value


def _halve(config: TrialConfig, parts: Parts) -> None:
    samples = config.batch_size // parts.accumulation
    if parts.ran_out or samples % 2 or samples < 4 or parts.ranks.size > 1:  # the other ranks are amid the batch
        raise TrainingFailed(
            f"The GPU's memory does not suffice for {samples} samples of {config.image_size} px at a time"
            f"{', halved already' if parts.ran_out else ''}. Choose a smaller model, size or `batch_size`."
        ) from None
    parts.ran_out, parts.accumulation = True, parts.accumulation * 2
    hardware.release_memory()


def _gradients(config: TrialConfig, parts: Parts, batch: Batch) -> Tensor:
    """Sum up the gradients of a batch's parts; return its loss, of all ranks' samples. Each part counts alike."""
    device, count = hardware.device(), parts.accumulation
    total = torch.zeros((), device=device)
    for chosen in torch.arange(len(batch.target)).chunk(count):
        part = slice(int(chosen[0]), int(chosen[-1]) + 1)
        images = batch.images[part].to(device, non_blocking=True)
        target = batch.target[part].to(device, non_blocking=True)
        views = None if batch.views is None else batch.views[:, part].to(device, non_blocking=True)
        value = _loss(config, parts, images, target, views) / count
        value.backward()
        total += value.detach()
    return total


def _loss(config: TrialConfig, parts: Parts, images: Tensor, target: Tensor, views: Tensor | None) -> Tensor:
    """The loss mix, plus the auxiliary terms that are on."""
    ranks, share, num_views = parts.ranks, len(target), 1
    if views is not None:
        images, num_views = torch.cat([images, *views]), 1 + len(views)
    with hardware.autocast(config), ranks.synced_norm():
        logits, presence = parts.network.with_presence(images)
    soft = None
    if parts.teacher is not None:
        soft = ranks.gather(parts.teacher.log_probabilities(images[:share], config))
    target = ranks.gather(target)
    every = [ranks.gather(view) for view in logits.chunk(num_views)]
    value = parts.loss(every[0], target)
    if soft is not None:
        distilled = distillation_loss(every[0], soft, target, config.distill_temperature)
        value = (1 - config.distill_weight) * value + config.distill_weight * distilled
    if views is not None:
        value = value + config.jsd_weight * jensen_shannon(every, target)
    if presence is not None:
        shown = _classes_shown(target, logits.shape[1])
        presence = ranks.gather(presence[:share]).float()
        value = value + config.presence_weight * functional.binary_cross_entropy_with_logits(presence, shown)
    return value


def _classes_shown(target: Tensor, num_classes: int) -> Tensor:
    """Which classes each label map holds, float (B, C)."""
    flat = target.flatten(1)
    counted = (flat != IGNORED).float()
    shown = torch.zeros(len(flat), num_classes, device=flat.device)
    return shown.scatter_reduce_(1, flat.where(flat != IGNORED, 0), counted, "amax")
