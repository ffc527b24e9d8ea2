"""FoldFiles: the annotation files of K folds, in a folder of the run."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from experiments.folds.fold_search import folds_folder
from experiments.settings import SearchSettings
from trashseg_core.data.cache import CachedSplit, open_split
from trashseg_core.data.coco import Annotation, Photo
from trashseg_core.data.coco_writing import write_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.folds import stratified_split
from trashseg_core.data.near_duplicates import group_scenes, thumbnail
from trashseg_core.disk.files import atomic_folder, read_json, write_json
from trashseg_core.errors import BadInput
from trashseg_core.training.class_balance import count_pixels

DEALT, SIZES, POOLED = "dealt", "sizes.json", "pooled.json"
Labelled = tuple[Photo, list[Annotation]]


@dataclass(frozen=True)
class FoldFiles:
    """Train and val in K folds. Fold 0 is the search's own val, so that what the search trained counts as its model.

    Models of a fold train on all photos of other folds, without those that show the same scene as a photo of their
    own fold (`near_duplicates.group_scenes`): such photos are dealt together, but some may lie in val.
    """

    folder: Path
    """Folder of everything that belongs to these folds."""
    data: DataFolder
    """What the search was started with."""
    num_folds: int

    def data_of(self, fold: int) -> DataFolder:
        """The data that a model of a fold learns from and is scored on; that of fold 0 is the search's."""
        if fold == 0:
            return self.data
        return self._reading(f"train_{fold}.json", f"val_{fold}.json")

    @property
    def pooled(self) -> DataFolder:
        """The data folder whose val is all photos, fold after fold."""
        return self._reading("train_1.json", POOLED)

    @property
    def stops(self) -> list[int]:
        """Number of photos up to the end of each fold, in the order of the pooled photos."""
        return np.cumsum(read_json(self.folder / DEALT / SIZES)).tolist()

    def _reading(self, train_file: str, val_file: str) -> DataFolder:
        """The data folder with annotation files from here: together they may be as large as two."""
        place, most = self.folder / DEALT, 2 * self.data.max_json_mb
        return replace(self.data, train_file=str(place / train_file), val_file=str(place / val_file), max_json_mb=most)


def fold_files(settings: SearchSettings) -> FoldFiles:
    """The folds of a search, dealt now or earlier."""
    assert settings.folds is not None
    return FoldFiles(folds_folder(settings), settings.data_folder, settings.folds)


def deal_folds(files: FoldFiles, size: int, seed: int) -> None:
    """Write the annotation files of all folds, unless they are there.

    Train photos are dealt to the folds 1 to K - 1, stratified by class, those of one scene together.

    Args:
        size: side in px of the cached photos that are looked at.

    Raises:
        BadInput: there are fewer scenes in train than folds to fill.
    """
    if (files.folder / DEALT).is_dir():
        return
    labelled, pixels, scenes = _look_at_photos(files.data, size)
    (train, val), (train_pixels, _) = labelled, pixels
    try:
        dealt = 1 + stratified_split(train_pixels[:, 1:] > 0, scenes[: len(train)], (1,) * (files.num_folds - 1), seed)
    except BadInput as error:
        raise BadInput(f"`--folds {files.num_folds}`: {error} Val is the first fold.") from None
    fold_of = np.concatenate([dealt, np.zeros(len(val), int)])
    everything = [*train, *val]
    categories = files.data.read("train").categories
    with atomic_folder(files.folder / DEALT) as folder:
        for fold in range(1, files.num_folds):
            own = {scene for scene, where in zip(scenes, fold_of, strict=True) if where == fold}
            seen = [row for row, scene in enumerate(scenes) if scene not in own]
            write_split(folder / f"train_{fold}.json", (everything[row] for row in seen), categories)
            write_split(folder / f"val_{fold}.json", _of_fold(everything, fold_of, fold), categories)
        ordered = [one for fold in range(files.num_folds) for one in _of_fold(everything, fold_of, fold)]
        write_split(folder / POOLED, ordered, categories)
        write_json(folder / SIZES, np.bincount(fold_of, minlength=files.num_folds).tolist())


def _of_fold(everything: list[Labelled], fold_of: np.ndarray, fold: int) -> list[Labelled]:
    return [one for one, where in zip(everything, fold_of, strict=True) if where == fold]


def _look_at_photos(data: DataFolder, size: int) -> tuple[list[list[Labelled]], list[np.ndarray], list[int]]:
    """The usable photos of train and of val, the pixels of each class in them, and the scene of each."""
    labelled, pixels, thumbnails = [], [], []
    for name in ("train", "val"):
        cached = open_split(data, name, size)
        labelled.append(_labelled(data, name, cached))
        pixels.append(count_pixels(cached))
        for number in range(len(cached)):
            height, width = cached.extent(number)
            thumbnails.append(thumbnail(np.asarray(cached.images[number, :height, :width])))
    return labelled, pixels, group_scenes(thumbnails)


def _labelled(data: DataFolder, name: str, cached: CachedSplit) -> list[Labelled]:
    """Photos with their annotations, without those that cannot be decoded."""
    split, usable = data.read(name), set(cached.file_names)
    return [(photo, split.annotations[photo.id]) for photo in split.photos if photo.file_name in usable]
