"""A worker process that is reused for many trials does not grow, and passes the disk budget on."""

import gc
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from experiments import trainable
from experiments.checkpoints.disk_budget import LOCK, DiskBudget
from experiments.recorder import FAILURE
from experiments.trainable import TrialJob, run_trial
from tests.test_keeper import write
from trashseg_core.data.folder import DataFolder
from trashseg_core.disk.locks import locked
from trashseg_core.errors import BadInput

CHUNKS, CHUNK_BYTES = 300, 100_000
"""A model of 30 MB in pieces that malloc keeps for itself."""


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Ray's side of a worker, without Ray."""
    resources = SimpleNamespace(bundles=[{"CPU": 1.0}])
    context = SimpleNamespace(get_trial_resources=lambda: resources)
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(trainable.tune, "get_context", lambda: context)
    monkeypatch.setattr(trainable.tune, "report", calls.append)
    return calls


@pytest.fixture
def job(tmp_path: Path) -> TrialJob:
    (tmp_path / "trials").mkdir()
    return TrialJob(DataFolder("data"), str(tmp_path), "val_miou", disk_bytes=10**6)


@pytest.mark.usefixtures("reported")
def test_a_process_that_runs_many_trials_stays_as_large_as_it_was(
    job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave_a_cycle(*_: Any) -> None:
        model: dict[str, Any] = {"weights": [np.ones(CHUNK_BYTES, np.uint8) for _ in range(CHUNKS)]}
        model["itself"] = model

    monkeypatch.setattr(trainable, "_train", leave_a_cycle)
    process, sizes = psutil.Process(), list[int]()
    gc.disable()  # a trial makes few objects, so that the collector would come late or not at all
    try:
        for number in range(8):
            run_trial(job, {"trial_key": f"t{number:04d}"})
            sizes.append(process.memory_info().rss)
    finally:
        gc.enable()
    assert max(sizes[1:]) - sizes[0] < CHUNKS * CHUNK_BYTES


def test_a_trial_that_fails_while_it_writes_lets_others_write(
    job: TrialJob, reported: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(job: TrialJob, path: Path, config: Any, budget: DiskBudget) -> None:
        budget.make_room(1000)
        raise OSError("no space left on device")

    monkeypatch.setattr(trainable, "_train", fail)
    run_trial(job, {"trial_key": "t0000"})
    other = threading.Thread(target=run_trial, args=(job, {"trial_key": "t0001"}), daemon=True)
    other.start()
    other.join(timeout=30)
    assert reported == [{FAILURE: "OSError: no space left on device"}] * 2


@pytest.mark.usefixtures("reported")
def test_others_may_write_while_a_trial_reports(job: TrialJob, monkeypatch: pytest.MonkeyPatch) -> None:
    trials, free = Path(job.run_folder) / "trials", list[bool]()

    def train(config: Any, data: Any, report: Any, *, make_room: Any, scratch_dir: Path, **_: Any) -> None:
        make_room(300_000)
        with pytest.raises(BadInput, match="in use by process"), locked(trials / LOCK, wait=False):
            pass
        source, value = write(scratch_dir / ".epoch", 500)
        report({"epoch": 1, "val_miou": value}, source)

    def report(metrics: dict[str, Any]) -> None:
        with locked(trials / LOCK, wait=False):
            free.append(True)

    monkeypatch.setattr(trainable, "_open_data", lambda *_: SimpleNamespace(train=SimpleNamespace(num_classes=2)))
    monkeypatch.setattr(trainable, "parameters_m", lambda *_: 1.0)
    monkeypatch.setattr(trainable, "train", train)
    monkeypatch.setattr(trainable.tune, "report", report)
    run_trial(job, {"trial_key": "t0000"})
    assert free == [True]
