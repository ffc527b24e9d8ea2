"""TrialFolder: the checkpoints of one trial on disk, one folder an epoch, never half-written."""

import shutil
from pathlib import Path

from trashseg_core.checkpoint import STATE, WEIGHTS, read_config, read_confusions, read_state
from trashseg_core.confusion import miou, miou_low
from trashseg_core.disk.files import commit_folder
from trashseg_core.errors import BadInput
from trashseg_core.weights_file import check_whole


def has_weights(folder: Path) -> bool:
    """Whether a checkpoint folder still holds what predicts; cut off weights do not."""
    try:
        check_whole(folder / WEIGHTS)
        read_config(folder)
    except BadInput:
        return False
    return True


class TrialFolder:
    """Keeps the checkpoint of the last epoch, to go on from, and of the best one, to use."""

    def __init__(self, path: Path, objective: str) -> None:
        self.path, self._objective = path, objective
        path.mkdir(parents=True, exist_ok=True)
        for leftover in path.glob(".*"):  # an epoch that a kill cut off
            shutil.rmtree(leftover, ignore_errors=True)
        self._values: dict[Path, float] = {}
        for folder in self._folders():
            try:
                self._values[folder] = self._score(folder)
            except BadInput:  # damaged: of no use, and its epoch can be trained again
                shutil.rmtree(folder)

    def _folders(self) -> list[Path]:
        return sorted(self.path.glob("epoch_*"))

    def _score(self, folder: Path) -> float:
        confusions = read_confusions(folder).per_image
        return miou_low(confusions) if self._objective == "val_miou_low" else float(miou(confusions.sum(axis=0)))

    def last(self) -> Path | None:
        """The newest checkpoint that training can go on from, or None; damaged newer ones are removed."""
        for folder in reversed(self._folders()):
            try:
                read_state(folder)
                check_whole(folder / WEIGHTS)
                read_config(folder)
            except BadInput:
                shutil.rmtree(folder)
                self._values.pop(folder, None)
            else:
                return folder
        return None

    def keep(self, epoch: int, source: Path, value: float) -> Path:
        """Move a checkpoint folder here and remove those that are neither last nor best.

        Args:
            source: a complete checkpoint folder on the same file system.
            value: its objective.

        Returns:
            The folder under its lasting name.
        """
        target = self.path / f"epoch_{epoch:04d}"
        commit_folder(source, target)
        self._values[target] = value
        self.prune(target)
        return target

    def prune(self, last: Path | None = None) -> None:
        """Remove all checkpoints but the best and `last`."""
        self._values = {
            folder: value for folder, value in self._values.items() if folder.is_dir()
        }  # not those that somebody deleted
        if not self._values:
            return
        best = min(self._values, key=lambda folder: (-self._values[folder], folder.name))
        for folder in list(self._values):
            if folder not in (best, last):
                shutil.rmtree(folder, ignore_errors=True)
                del self._values[folder]

    def lighten(self) -> None:
        """Remove weights and state of all checkpoints; configuration and confusion matrices stay."""
        for folder in self._folders():
            for name in (WEIGHTS, STATE):  # in this order: without weights it is no candidate, wherever a kill comes
                (folder / name).unlink(missing_ok=True)

    def has_weights(self) -> bool:
        """Whether a checkpoint holds what predicts."""
        return any(has_weights(folder) for folder in self._folders())
