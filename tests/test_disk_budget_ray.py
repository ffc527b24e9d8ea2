"""A search under a disk budget: sampled while it runs, the checkpoints never take more."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import ray

from experiments.checkpoints.disk_budget import DiskBudget
from experiments.checkpoints.trial_folder import TrialFolder
from experiments.journal import Journal
from experiments.search import build_tuner
from tests.test_keeper import SIZE, write
from tests.tiny import settings_of
from trashseg_core.checkpoint import WEIGHTS

pytestmark = pytest.mark.slow
EPOCHS, TRIALS = 9, 12


def space(trial: Any) -> None:
    """One number."""
    trial.suggest_float("lr", 0.0, 1.0)


def trainable_in(trials: Path, limit: int) -> Any:
    """A trainable that does with its checkpoints what the project's does."""

    def trainable(params: dict[str, Any]) -> None:
        from ray import tune

        key = params["trial_key"]
        budget, kept = DiskBudget(trials, key, limit), TrialFolder(trials / key, "val_miou")
        last = kept.last()
        for epoch in range(int(last.name[6:]) + 1 if last else 1, EPOCHS + 1):
            budget.make_room(SIZE + 20_000)
            source, value = write(trials / key / ".epoch", int(1000 * params["lr"] * epoch / EPOCHS))
            kept.keep(epoch, source, value)
            budget.release()
            tune.report({"epoch": epoch, "val_miou": value})

    return trainable


def test_the_checkpoints_of_a_search_never_take_more_than_the_budget(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "run", TRIALS, EPOCHS, concurrent=2, top_k=1, disk_gb=0.0015)
    limit = settings.disk_bytes
    assert limit is not None and limit < 8 * SIZE < TRIALS * SIZE
    trials, seen, is_over = settings.folder / "trials", [0], threading.Event()
    trials.mkdir(parents=True)

    def sample() -> None:
        while not is_over.is_set():
            try:
                seen.append(sum(path.stat().st_size for path in trials.rglob("*") if path.is_file()))
            except FileNotFoundError:  # removed between listing and looking
                continue
            time.sleep(0.002)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        build_tuner(settings, space, trainable_in(trials, limit)).fit()
    finally:
        is_over.set()
        sampler.join()
        ray.shutdown()
    records = Journal(settings.folder / "journal.jsonl").trials
    assert len(seen) > 100 and 3 * SIZE < max(seen) <= limit
    assert {record.status for record in records.values()} == {"finished", "stopped"}
    assert all(sorted(one.epochs) == list(range(1, len(one.epochs) + 1)) for one in records.values())
    best = max(records.values(), key=lambda one: one.best("val_miou") or (0, 0.0))
    assert list((trials / best.key).glob(f"*/{WEIGHTS}"))
    assert len(list(trials.glob(f"t*/*/{WEIGHTS}"))) <= settings.num_kept
