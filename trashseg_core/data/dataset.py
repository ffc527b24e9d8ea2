"""TrainingData: what `train` learns from and is scored on."""

from dataclasses import dataclass, replace

from trashseg_core.augment.object_bank import ObjectBank, open_bank
from trashseg_core.config import TrialConfig
from trashseg_core.data.cache import CachedSplit, open_split
from trashseg_core.data.cache_store import Progress
from trashseg_core.data.coco import Split
from trashseg_core.data.folder import DataFolder, check_same_classes
from trashseg_core.data.leaks import check_leak
from trashseg_core.errors import BadInput


@dataclass(frozen=True)
class TrainingData:
    """Two splits of one folder at one training size, and the objects that augmix pastes into the first."""

    train: CachedSplit
    val: CachedSplit
    bank: ObjectBank | None = None
    """Objects of the train split; None where `augmix_ratio` is 0."""
    pseudo: CachedSplit | None = None
    """Pseudo-labelled photos; None where `pseudo_ratio` is 0."""


def open_data(folder: DataFolder, config: TrialConfig, progress: Progress | None = None) -> TrainingData:
    """Open train and val at the config's `predict_size`, building their caches where needed.

    Raises:
        BadInput: a file cannot be used or is missing, val photos are in the train list, or the class tables differ.
    """
    train, val = folder.read("train"), folder.read("val")
    check_same_classes([train, val])
    check_leak(train, val)
    size = config.predict_size
    return TrainingData(
        open_split(folder, "train", size, progress, checked=train),
        open_split(folder, "val", size, progress, checked=val),
        open_bank(folder, size) if config.augmix_ratio > 0 else None,
        open_pseudo(folder, size, train) if config.pseudo_ratio > 0 else None,
    )


def open_pseudo(folder: DataFolder, size: int, train: Split) -> CachedSplit:
    """Open the pseudo-labelled photos that go with a data folder.

    Raises:
        BadInput: it names none, or their class table differs.
    """
    if folder.pseudo_dir is None:
        raise BadInput("`pseudo_ratio` is above 0, but there are no pseudo-labelled photos. Name them by `--pseudo`.")
    own = DataFolder(folder.pseudo_dir, max_json_mb=folder.max_json_mb, max_megapixels=folder.max_megapixels)
    own = replace(own, background_category=folder.background_category)
    check_same_classes([train, pseudo := own.read("train")])
    return open_split(own, "train", size, checked=pseudo)
