"""A trial's folder keeps the last and the best checkpoint, whatever a kill left behind."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from experiments.checkpoints.trial_folder import TrialFolder
from trashseg_core.checkpoint import CONFIG, CONFUSIONS, STATE, WEIGHTS
from trashseg_core.confusion import miou, miou_low


def checkpoint(folder: Path, right: int) -> tuple[Path, float]:
    """A checkpoint folder whose two photos have `right` of 10 pixels right; and its val_miou."""
    folder.mkdir(parents=True)
    per_image = np.array([[[right, 10 - right], [0, 10]]] * 2, np.int64)
    np.savez(folder / CONFUSIONS, per_image=per_image, file_names=["a.jpg", "b.jpg"], class_names=["Background", "x"])
    torch.save({"epoch": 1}, folder / STATE)
    save_file({"weight": torch.zeros(10)}, folder / WEIGHTS)
    (folder / CONFIG).write_text("{}")
    return folder, float(miou(per_image.sum(axis=0)))


def fill(path: Path, scores: list[int], scratch: Path) -> TrialFolder:
    """A trial folder after one epoch for each score."""
    folder = TrialFolder(path, "val_miou")
    for epoch, right in enumerate(scores, 1):
        folder.keep(epoch, *checkpoint(scratch / f"scratch_{epoch}", right))
    return folder


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([5], [1]),
        ([5, 7], [2]),
        ([7, 5], [1, 2]),
        ([5, 9, 6, 7], [2, 4]),
        ([5, 9, 9, 7], [2, 4]),
        ([9, 5, 6, 9], [1, 4]),
    ],
)
def test_only_the_last_and_the_best_epoch_are_kept_the_earlier_of_equals(
    tmp_path: Path, scores: list[int], kept: list[int]
) -> None:
    fill(tmp_path / "t0000", scores, tmp_path)
    assert names(tmp_path / "t0000") == [f"epoch_{epoch:04d}" for epoch in kept]


def test_a_kept_checkpoint_is_moved_whole(tmp_path: Path) -> None:
    source, value = checkpoint(tmp_path / "scratch", 5)
    kept = TrialFolder(tmp_path / "t0000", "val_miou").keep(3, source, value)
    assert (kept, names(kept)) == (tmp_path / "t0000" / "epoch_0003", sorted([CONFIG, CONFUSIONS, STATE, WEIGHTS]))
    assert not source.exists()


def test_a_reopened_folder_still_knows_which_epoch_is_best(tmp_path: Path) -> None:
    fill(tmp_path / "t0000", [9, 5], tmp_path)
    TrialFolder(tmp_path / "t0000", "val_miou").keep(3, *checkpoint(tmp_path / "later", 6))
    assert names(tmp_path / "t0000") == ["epoch_0001", "epoch_0003"]


def test_a_reopened_folder_ranks_by_the_objective_of_the_search(tmp_path: Path) -> None:
    matrices = {
        "epoch_0001": np.array([[[10, 0], [0, 10]], [[2, 8], [8, 2]]], np.int64),
        "epoch_0002": np.array([[[5, 5], [5, 5]]] * 2, np.int64),
    }
    for name, per_image in matrices.items():
        folder, _ = checkpoint(tmp_path / "t0000" / name, 5)
        np.savez(folder / CONFUSIONS, per_image=per_image, file_names=["a", "b"], class_names=["Background", "x"])
    first, second = matrices.values()
    assert miou(first.sum(axis=0)) > miou(second.sum(axis=0)) and miou_low(first) < miou_low(second)
    TrialFolder(tmp_path / "t0000", "val_miou_low").keep(3, *checkpoint(tmp_path / "third", 0))
    assert names(tmp_path / "t0000") == ["epoch_0002", "epoch_0003"]


def test_the_last_checkpoint_is_the_newest(tmp_path: Path) -> None:
    assert fill(tmp_path / "t0000", [9, 5], tmp_path).last() == tmp_path / "t0000" / "epoch_0002"


def test_a_new_trial_has_no_last_checkpoint(tmp_path: Path) -> None:
    assert TrialFolder(tmp_path / "t0000", "val_miou").last() is None


@pytest.mark.reliability("checkpoint-lost")
@pytest.mark.parametrize("damaged", [STATE, CONFUSIONS, WEIGHTS, CONFIG])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path: Path, damaged: str, content: bytes) -> None:
    fill(tmp_path / "t0000", [9, 5], tmp_path)
    (tmp_path / "t0000" / "epoch_0002" / damaged).write_bytes(content)
    assert TrialFolder(tmp_path / "t0000", "val_miou").last() == tmp_path / "t0000" / "epoch_0001"


@pytest.mark.reliability("checkpoint-lost")
def test_a_damaged_checkpoint_does_not_count_as_best(tmp_path: Path) -> None:
    fill(tmp_path / "t0000", [5, 9], tmp_path)
    (tmp_path / "t0000" / "epoch_0002" / STATE).write_bytes(b"")
    folder = TrialFolder(tmp_path / "t0000", "val_miou")
    assert folder.last() is None
    folder.keep(1, *checkpoint(tmp_path / "again", 5))
    assert names(tmp_path / "t0000") == ["epoch_0001"]


@pytest.mark.reliability("half-writes")
def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    fill(tmp_path / "t0000", [5], tmp_path)
    checkpoint(tmp_path / "t0000" / ".epoch_abc", 9)
    TrialFolder(tmp_path / "t0000", "val_miou")
    assert names(tmp_path / "t0000") == ["epoch_0001"]


def test_an_epoch_that_is_run_again_replaces_its_checkpoint(tmp_path: Path) -> None:
    folder = fill(tmp_path / "t0000", [5], tmp_path)
    source, value = checkpoint(tmp_path / "again", 7)
    content = (source / CONFUSIONS).read_bytes()
    folder.keep(1, source, value)
    assert (tmp_path / "t0000" / "epoch_0001" / CONFUSIONS).read_bytes() == content
    assert names(tmp_path / "t0000") == ["epoch_0001"]
