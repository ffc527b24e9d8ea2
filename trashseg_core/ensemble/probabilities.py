"""The candidates' probabilities on val, at the pixels where they disagree."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from trashseg_core.checkpoint import CONFIG, WEIGHTS, read_config, read_network
from trashseg_core.confusion import count_confusion
from trashseg_core.data.cache import open_split
from trashseg_core.data.cache_store import Progress
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import IGNORED
from trashseg_core.files import atomic_folder
from trashseg_core.hardware import device
from trashseg_core.inference.predict import argmax_labels, split_logits, to_native


@dataclass(frozen=True)
class Disagreement:
    """All that decides which candidates to average: K candidates, C classes, M pixels on which they disagree.

    Pixels on which all candidates agree cannot change under any weighted mean that keeps one candidate's label on
    top; they are counted once.
    """

    probabilities: np.ndarray
    """uint8 (K, C, M): softmax x 255, rounded; off by at most 1/510."""
    truth: np.ndarray
    """uint8 (M,)"""
    image: np.ndarray
    """int32 (M,): index of the photo of each pixel, ascending."""
    agreed: np.ndarray
    """int64 (N, C, C): per-image confusion matrices of the pixels on which all agree."""


def predict_candidate(checkpoint: Path, folder: DataFolder, store: Path, num_classes: int) -> Path:
    """Predict val with a checkpoint, once; a second call finds the stored logits.

    Args:
        store: folder of all stored predictions.

    Returns:
        A float16 array file (N, C, S, S) of logits at the candidate's own image size.
    """
    config = read_config(checkpoint)
    split = open_split(folder, "val", config.predict_size)
    digest = hashlib.sha256((checkpoint / WEIGHTS).read_bytes() + (checkpoint / CONFIG).read_bytes())
    path = store / f"{digest.hexdigest()[:16]}-{split.key}"
    if not path.is_dir():
        network = read_network(checkpoint, config, num_classes).to(device())
        with atomic_folder(path) as temporary:
            shape = (len(split), num_classes, config.predict_size, config.predict_size)
            logits = np.lib.format.open_memmap(temporary / "logits.npy", "w+", np.float16, shape)
            for index, one in split_logits(network, config, split):
                logits[index] = np.clip(one.numpy(), -6e4, 6e4)
            logits.flush()
    return path / "logits.npy"


def find_disagreement(
    logit_files: list[Path], sizes: list[int], folder: DataFolder, progress: Progress | None = None
) -> Disagreement:
    """Scale all candidates' logits to each photo's own size and keep the pixels on which their labels differ.

    Args:
        logit_files: what `predict_candidate` returned, for K candidates.
        sizes: image size of each candidate in px.
    """
    splits = [open_split(folder, "val", size) for size in sizes]
    stored = [np.load(path, mmap_mode="r") for path in logit_files]
    first = splits[0]
    num_classes = first.num_classes
    agreed = np.zeros((len(first), num_classes, num_classes), np.int64)
    parts, truths, images = [], [], []
    for index in range(len(first)):
        size = (int(first.sizes[index][0]), int(first.sizes[index][1]))
        native = [
            to_native(torch.from_numpy(np.array(logits[index])).float(), split.extent(index), size)
            for logits, split in zip(stored, splits, strict=True)
        ]
        labels = np.stack([argmax_labels(one) for one in native])
        truth = first.truth(index)
        same = (labels == labels[0]).all(axis=0)
        agreed[index] = count_confusion(np.where(same, truth, IGNORED).astype(np.uint8), labels[0], num_classes)
        kept = torch.from_numpy(~same & (truth != IGNORED))
        chosen = torch.stack([one[:, kept].softmax(dim=0) for one in native])
        parts.append((chosen * 255).round().to(torch.uint8).numpy())
        truths.append(truth[kept.numpy()])
        images.append(np.full(len(truths[-1]), index, np.int32))
        if progress:
            progress(index + 1, len(first))
    return Disagreement(np.concatenate(parts, axis=2), np.concatenate(truths), np.concatenate(images), agreed)
