"""Only the best trials that ended keep their weights, and all checkpoints together stay within the disk budget."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from experiments.checkpoints import disk_budget
from experiments.checkpoints.disk_budget import BLOCK, DiskBudget, DiskBudgetSpent, bytes_below, bytes_waited_for
from experiments.checkpoints.keeper import Keeper, with_weights
from experiments.checkpoints.trial_folder import TrialFolder
from experiments.journal import Journal
from experiments.results import candidates, rank, result_of
from experiments.settings import SearchSettings
from trashseg_core.checkpoint import CONFIG, CONFUSIONS, STATE, WEIGHTS
from trashseg_core.confusion import miou

SIZE = 200_000
"""Bytes of the weights of a checkpoint made here."""
WHOLE, LIGHT = {CONFIG, CONFUSIONS, STATE, WEIGHTS}, {CONFIG, CONFUSIONS}


def write(folder: Path, right: int, size: int = SIZE) -> tuple[Path, float]:
    """A checkpoint folder that scored `right` of 1000 pixels; and its val_miou."""
    folder.mkdir(parents=True)
    per_image = np.array([[[right, 1000 - right], [0, 1000]]], np.int64)
    np.savez(folder / CONFUSIONS, per_image=per_image, file_names=["a.jpg"], class_names=["Background", "x"])
    torch.save({"epoch": 1}, folder / STATE)
    (folder / CONFIG).write_text("{}")
    save_file({"weight": torch.zeros(max(0, size - 80), dtype=torch.uint8)}, folder / WEIGHTS)  # 80: its table
    return folder, float(miou(per_image.sum(axis=0)))


class Search:
    """A run folder whose trials are made by hand."""

    def __init__(self, out: Path, **settings: Any) -> None:
        self.settings = SearchSettings(data="d", space="quick", name="run", out=str(out), **settings)
        self.folder = self.settings.folder
        (self.folder / "trials").mkdir(parents=True)
        self.journal = Journal(self.folder / "journal.jsonl")

    def run(self, *scores: int, status: str | None = None) -> Any:
        """A trial with these scores; it runs on, unless it has a status."""
        record = self.journal.add_trial({}, {}, {})
        kept = TrialFolder(self.folder / "trials" / record.key, "val_miou")
        for epoch, right in enumerate(scores, 1):
            source, value = write(self.folder / "scratch", right)
            kept.keep(epoch, source, value)
            self.journal.add_epoch(record.key, epoch, {"val_miou": value})
        if status is not None:
            self.journal.end_trial(record.key, status)
        return record

    def files(self, key: str) -> dict[str, set[str]]:
        """Files by checkpoint folder."""
        folders = (self.folder / "trials" / key).iterdir()
        return {folder.name: {path.name for path in folder.iterdir()} for folder in folders}

    def whole(self) -> list[str]:
        """Keys of the trials that hold weights."""
        return sorted(path.parents[1].name for path in (self.folder / "trials").glob(f"t*/*/{WEIGHTS}"))


def test_only_the_best_trials_that_ended_keep_their_weights(tmp_path: Path) -> None:
    search = Search(tmp_path, top_k=1, keep=2)
    keeper = Keeper(search.journal, search.settings)
    for right, status in ((500, "finished"), (700, "stopped"), (300, "finished"), (600, "finished")):
        keeper.trial_ended(search.run(right, status=status))
    assert search.whole() == ["t0001", "t0003"]


def test_twice_the_candidates_of_the_ensemble_are_kept_by_default(tmp_path: Path) -> None:
    search = Search(tmp_path, top_k=2)
    keeper = Keeper(search.journal, search.settings)
    for right in range(100, 700, 100):
        keeper.trial_ended(search.run(right, status="finished"))
    assert search.whole() == ["t0002", "t0003", "t0004", "t0005"]


def test_a_trial_that_gave_way_still_has_its_scores_and_its_configuration(tmp_path: Path) -> None:
    search = Search(tmp_path, top_k=1, keep=1)
    keeper = Keeper(search.journal, search.settings)
    keeper.trial_ended(search.run(300, 200, status="finished"))
    keeper.trial_ended(search.run(500, status="finished"))
    assert search.files("t0000") == {"epoch_0001": LIGHT}
    result = result_of(search.journal.trials["t0000"], "val_miou", search.folder)
    assert (result.checkpoint, result.best_epoch) == ("trials/t0000/epoch_0001", 1)


def test_a_trial_that_runs_or_waits_keeps_its_best_and_its_last_checkpoint(tmp_path: Path) -> None:
    search = Search(tmp_path, top_k=1, keep=1)
    search.run(300, 100, 200)
    search.run(900, status="finished")
    Keeper(search.journal, search.settings).tidy()
    assert search.files("t0000") == {"epoch_0001": WHOLE, "epoch_0003": WHOLE}


def test_a_trial_that_ended_keeps_its_best_checkpoint_only(tmp_path: Path) -> None:
    search = Search(tmp_path)
    Keeper(search.journal, search.settings).trial_ended(search.run(300, 100, 200, status="finished"))
    assert search.files("t0000") == {"epoch_0001": WHOLE}


def test_a_failed_trial_keeps_its_best_checkpoint_while_no_other_needs_the_place(tmp_path: Path) -> None:
    search = Search(tmp_path, top_k=1, keep=2)
    keeper = Keeper(search.journal, search.settings)
    keeper.trial_ended(search.run(900, 100, status="failed"))
    assert search.files("t0000") == {"epoch_0001": WHOLE}
    for right in (300, 200):
        keeper.trial_ended(search.run(right, status="finished"))
    assert search.whole() == ["t0001", "t0002"]
    assert search.files("t0000") == {"epoch_0001": LIGHT}


def test_a_failed_trial_is_no_candidate_though_it_has_weights(tmp_path: Path) -> None:
    search = Search(tmp_path)
    search.run(900, status="failed")
    rows = [result_of(record, "val_miou", search.folder) for record in search.journal.trials.values()]
    assert rows[0].checkpoint and with_weights(rows, search.folder) == []


def test_failed_trials_give_way_first_when_another_waits_for_room(tmp_path: Path) -> None:
    search = Search(tmp_path, top_k=3, keep=3, disk_gb=0.0008)
    search.run(300, status="finished")
    search.run(900, status="failed")
    search.run(400, status="finished")
    keeper = Keeper(search.journal, search.settings)
    keeper.tidy()
    thread = waiting(search, SIZE)
    keeper.make_room()
    assert search.whole() == ["t0000", "t0002"]
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_what_a_killed_driver_did_not_come_to_is_done_at_the_next_start(tmp_path: Path) -> None:
    search = Search(tmp_path, top_k=1, keep=1)
    for right in (300, 500, 400):
        search.run(right, status="finished")
    keeper = Keeper(search.journal, search.settings)
    keeper.tidy()
    assert search.whole() == ["t0001"]
    keeper.trial_ended(search.run(450, status="finished"))
    assert search.whole() == ["t0001"]


def test_candidates_are_those_with_weights(tmp_path: Path) -> None:
    search = Search(tmp_path, top_k=1, keep=1)
    for right in (300, 500, 400):
        search.run(right, status="finished")
    Keeper(search.journal, search.settings).tidy()
    rows = [result_of(record, "val_miou", search.folder) for record in search.journal.trials.values()]
    chosen = candidates(with_weights(rank(rows, "val_miou"), search.folder), 3)
    assert [one.trial_id for one in chosen] == ["t0001"]
    assert all(one.checkpoint for one in rows)


def test_a_budget_counts_whole_blocks_of_everything(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(b"2" * (BLOCK + 1))
    assert bytes_below(tmp_path) == 3 * BLOCK + BLOCK + 2 * BLOCK


def test_a_checkpoint_that_fits_does_not_wait(tmp_path: Path) -> None:
    DiskBudget(tmp_path, "t0000", 10 * BLOCK).make_room(8 * BLOCK)
    assert bytes_waited_for(tmp_path) == 0


def test_one_that_nobody_makes_room_for_fails_with_figures_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_budget, "PATIENCE_S", 0.1)
    (tmp_path / "full").write_bytes(b"x" * 900_000)
    reason = r"up to 0.2 MB does not fit: 0.1 MB of `--disk-gb 0.001` are left.*Raise it"
    with pytest.raises(DiskBudgetSpent, match=reason):
        DiskBudget(tmp_path, "t0000", 10**6).make_room(200_000)
    assert bytes_waited_for(tmp_path) == 0


def test_no_other_trial_writes_between_the_count_and_the_release(tmp_path: Path) -> None:
    first, order = DiskBudget(tmp_path, "t0000", 10**6), list[str]()
    first.make_room(1000)

    def second() -> None:
        DiskBudget(tmp_path, "t0001", 10**6).make_room(1000)
        order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    time.sleep(0.2)
    order.append("first")
    first.release()
    thread.join(timeout=10)
    assert order == ["first", "second"]


def waiting(search: Search, needed: int) -> threading.Thread:
    """A trial that waits for room."""
    budget = DiskBudget(search.folder / "trials", "t0099", search.settings.disk_bytes)
    thread = threading.Thread(target=budget.make_room, args=(needed,), daemon=True)
    thread.start()
    while thread.is_alive() and not bytes_waited_for(search.folder / "trials"):
        time.sleep(0.01)
    return thread


def test_ended_trials_beyond_the_candidates_give_way_first_the_worst_first(tmp_path: Path) -> None:
    search = Search(tmp_path, top_k=1, keep=3, disk_gb=0.0008)
    for right in (500, 300, 400):
        search.run(right, status="finished")
    given_up: list[str] = []
    promotion: Any = SimpleNamespace(given_up=set(), give_one_up=lambda: given_up.append("one"))
    keeper = Keeper(search.journal, search.settings, promotion)
    keeper.tidy()
    thread = waiting(search, SIZE)
    keeper.make_room()
    assert (search.whole(), given_up) == (["t0000", "t0002"], [])
    thread.join(timeout=10)
    assert not thread.is_alive()
    keeper.make_room()  # nobody waits any more
    assert search.whole() == ["t0000", "t0002"]


def test_then_a_trial_that_waits_for_its_promotion_is_given_up(tmp_path: Path) -> None:
    search = Search(tmp_path, top_k=1, keep=1, disk_gb=0.0005)
    search.run(500, status="finished")
    record = search.run(300)
    promotion: Any = SimpleNamespace(given_up=set(), give_one_up=lambda: promotion.given_up.add(record.key))
    keeper = Keeper(search.journal, search.settings, promotion)
    keeper.tidy()
    thread = waiting(search, SIZE)
    keeper.make_room()
    search.journal.end_trial(record.key, "stopped")  # as the scheduler and the searcher do
    keeper.trial_ended(record)
    assert search.whole() == ["t0000"]
    thread.join(timeout=10)
    assert not thread.is_alive()
