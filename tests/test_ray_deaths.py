"""A process that dies between two trials, for real: the next trial is tried again, as one that dies in the middle."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from experiments.journal import Journal, TrialRecord
from experiments.search import build_tuner
from tests.tiny import settings_of

pytestmark = [pytest.mark.slow, pytest.mark.reliability("kills")]
EPOCHS, TRIALS = 2, 4


@pytest.fixture(autouse=True)
def ray_is_stopped() -> Iterator[None]:
    """Leave no Ray behind."""
    yield
    import ray

    ray.shutdown()


def space(trial: Any) -> None:
    """One number."""
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)


def trainable_in(folder: Path) -> Any:
    """A trainable that says which process runs it."""

    def trainable(params: dict[str, Any]) -> None:
        from ray import tune

        (folder / params["trial_key"]).write_text(str(os.getpid()))
        for epoch in range(1, EPOCHS + 1):
            tune.report({"epoch": epoch, "val_miou": epoch / 10})

    return trainable


class Killer:
    """Kills the process of the first and the third trial once that has ended, while it waits for the next."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.killed = folder, list[str]()

    def trial_started(self, record: TrialRecord) -> None: ...

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None: ...

    def trial_ended(self, record: TrialRecord) -> None:
        if record.key in ("t0000", "t0002"):
            process = psutil.Process(int((self.folder / record.key).read_text()))
            process.send_signal(signal.SIGKILL)
            psutil.wait_procs([process], timeout=30)
            self.killed.append(record.key)


def test_a_process_that_dies_between_two_trials_costs_none_of_them(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "idle", TRIALS, EPOCHS, concurrent=1, scheduler="asha", grace_period=EPOCHS)
    settings.folder.mkdir()
    journal, killer, said = Journal(settings.folder / "journal.jsonl"), Killer(settings.folder), list[str]()
    trainable = trainable_in(settings.folder)
    build_tuner(settings, space, trainable, journal=journal, listeners=(killer,), say=said.append).fit()
    journal.close()
    assert killer.killed == ["t0000", "t0002"]
    reached = {key: (record.status, sorted(record.epochs)) for key, record in journal.trials.items()}
    assert reached == {f"t{number:04d}": ("finished", [1, 2]) for number in range(TRIALS)}
    assert said == [f"{key}: its process died; another one goes on from its beginning" for key in ("t0001", "t0003")]
