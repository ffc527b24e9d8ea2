"""TrainingData: what `train` learns from and is scored on."""

from dataclasses import dataclass

from trashseg_core.augment.object_bank import ObjectBank, open_bank
from trashseg_core.config import TrialConfig
from trashseg_core.data.cache import CachedSplit, open_split
from trashseg_core.data.cache_store import Progress
from trashseg_core.data.folder import DataFolder, check_leak, check_same_classes


@dataclass(frozen=True)
class TrainingData:
    """Two splits of one folder at one training size, and the objects that augmix pastes into the first."""

    train: CachedSplit
    val: CachedSplit
    bank: ObjectBank | None = None
    """Objects of the train split; None where `augmix_ratio` is 0."""


def open_data(folder: DataFolder, config: TrialConfig, progress: Progress | None = None) -> TrainingData:
    """Open train and val at the config's `predict_size`, building their caches where needed.

    Raises:
        BadInput: a file cannot be used, val photos are in the train list, or the class tables differ.
    """
    train, val = folder.read("train"), folder.read("val")
    check_same_classes([train, val])
    check_leak(train, val)
    size = config.predict_size
    return TrainingData(
        open_split(folder, "train", size, progress, checked=train),
        open_split(folder, "val", size, progress, checked=val),
        open_bank(folder, size) if config.augmix_ratio > 0 else None,
    )
