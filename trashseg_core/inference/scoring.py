"""Scoring a network on a split: per-image confusion matrices at native size, and the loss."""

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.optim.swa_utils import update_bn

from trashseg_core import hardware
from trashseg_core.config import TrialConfig
from trashseg_core.confusion import count_confusion
from trashseg_core.data.cache import CachedSplit
from trashseg_core.inference.predict import argmax_labels, predict_logits, to_native
from trashseg_core.losses import Loss
from trashseg_core.models import Network
from trashseg_core.training.ranks import ALONE, Ranks


def score(
    network: Network,
    config: TrialConfig,
    split: CachedSplit,
    loss: Loss,
    seconds: list[float] | None = None,
    ranks: Ranks = ALONE,
    each_step: Callable[[], None] = lambda: None,
) -> tuple[np.ndarray, float]:
    """Predict every photo and compare it with its truth at the photo's own size. Ranks take batches in turn.

    Args:
        seconds: gets, for each batch, the time per photo that its prediction took: from fitted photos to logits.
        each_step: called after each batch.

    Returns:
        Confusion matrices int64 (N, C, C), rows = truth; mean loss per photo at the training size.
    """
    confusions = np.zeros((len(split), split.num_classes, split.num_classes), np.int64)
    total = torch.zeros((), dtype=torch.float64)
    for start in range(ranks.rank * config.batch_size, len(split), ranks.size * config.batch_size):
        chosen = slice(start, start + config.batch_size)
        started = time.perf_counter()
        logits = predict_logits(network, config, split.images[chosen])
        if seconds is not None:
            seconds.append((time.perf_counter() - started) / len(logits))
        target = torch.from_numpy(split.labels[chosen].astype(np.int64))
        total += float(loss(logits, target)) * len(target)
        for index, one in enumerate(logits, start):
            height, width = split.sizes[index]
            labels = argmax_labels(to_native(one, split.extent(index), (int(height), int(width))))
            confusions[index] = count_confusion(split.truth(index), labels, split.num_classes)
        each_step()
    ranks.add_up(torch.from_numpy(confusions))
    ranks.add_up(total)
    return confusions, float(total) / len(split)


@torch.no_grad()
def refresh_statistics(
    network: Network, config: TrialConfig, split: CachedSplit, each_step: Callable[[], None] = lambda: None
) -> None:
    """Compute BatchNorm statistics anew over whole photos, for weights that were averaged (torch's `update_bn`)."""
    device = hardware.device()

    def batches() -> Iterator[torch.Tensor]:
        count = max(1, len(split) // config.batch_size)  # no rest of one photo, which BatchNorm refuses
        for chosen in np.array_split(np.arange(len(split)), count):
            yield torch.from_numpy(np.array(split.images[chosen[0] : chosen[-1] + 1])).permute(0, 3, 1, 2).to(device)
            each_step()

    with hardware.autocast(config):
        update_bn(batches(), network)
