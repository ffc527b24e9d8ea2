"""Two workers train each trial of a real search, while processes of it are killed."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from experiments.journal import Journal, TrialRecord
from experiments.search import build_tuner
from experiments.settings import SearchSettings
from experiments.trainable import TrialJob, build_trainable
from tests.tiny import FASTEST
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.train import train

pytestmark = pytest.mark.slow
FIELDS = {**FASTEST, "optimizer": "sgd", "lr": 0.01, "epochs": 3}
TOLERANCE = 1e-3
"""Sums in another order, in fp32, over three epochs of a network with forty norms."""


def space(trial: Any) -> None:
    """Two seeds of the samples; the first one is the default's."""
    trial.suggest_categorical("seed", [0, 1])


def processes_named(name: str) -> list[psutil.Process]:
    """Ray's processes of this test that run the actor `name`, in the order of their birth."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[:1] and process.cmdline()[0].startswith(f"ray::{name}"):
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=lambda process: process.create_time())


@dataclass
class Killer:
    """Listens to the search: kills a peer after the first epoch, the trial's own process after the second."""

    peers: list[int] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    orphans: list[psutil.Process] = field(default_factory=list)

    def trial_started(self, record: TrialRecord) -> None:
        """Nothing."""

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Kill what is due."""
        self.peers += [process.pid for process in processes_named("_Peer")]
        victim = {("t0000", 1): "_Peer", ("t0000", 2): "ImplicitFunc"}.get((record.key, epoch))
        if victim is not None:
            if victim == "ImplicitFunc":
                self.orphans += processes_named("_Peer")
            for process in processes_named(victim):
                os.kill(process.pid, signal.SIGKILL)
                self.killed.append(victim)

    def trial_ended(self, record: TrialRecord) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def disturbed(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Journal, Killer]]:
    """The journal of a search of two trials with two workers each, and who disturbed it."""
    settings = SearchSettings(
        data=str(sample_folder),
        space="quick",
        name="two_workers",
        out=str(tmp_path_factory.mktemp("runs")),
        trials=2,
        epochs=3,
        concurrent=1,
        workers_per_trial=2,
        cpus_per_trial=2,
        scheduler="asha",
        set=tuple(f"{name}={value}" for name, value in FIELDS.items() if name != "epochs"),
    )
    settings.folder.mkdir(parents=True)
    journal, killer = Journal(settings.folder / "journal.jsonl"), Killer()
    job = TrialJob(settings.data_folder, str(settings.folder), settings.objective)
    import ray

    try:
        build_tuner(settings, space, build_trainable(job), journal=journal, listeners=(killer,)).fit()
        yield journal, killer
    finally:
        ray.shutdown()
        journal.close()


def test_a_trial_goes_on_after_the_death_of_a_peer_and_of_its_own_process(disturbed: tuple[Journal, Killer]) -> None:
    journal, killer = disturbed
    assert killer.killed == ["_Peer", "ImplicitFunc"]
    assert {key: (record.status, sorted(record.epochs)) for key, record in journal.trials.items()} == {
        "t0000": ("finished", [1, 2, 3]),
        "t0001": ("finished", [1, 2, 3]),
    }


def test_no_peer_outlives_the_process_of_its_trial(disturbed: tuple[Journal, Killer]) -> None:
    orphans = disturbed[1].orphans
    assert len(orphans) == 1
    assert not psutil.wait_procs(orphans, timeout=30)[1]


def test_a_trial_of_two_workers_has_the_numbers_of_one_worker(
    disturbed: tuple[Journal, Killer], sample_folder: Path
) -> None:
    config, expected = TrialConfig(**FIELDS), []
    train(config, open_data(DataFolder(str(sample_folder)), config), lambda metrics, _: expected.append(metrics))
    epochs = disturbed[0].trials["t0000"].epochs
    for epoch, alone in enumerate(expected, 1):
        for name in ("train_loss", "val_loss", "val_miou", "lr"):
            assert epochs[epoch][name] == pytest.approx(alone[name], abs=TOLERANCE), (epoch, name)


def test_the_next_trial_finds_the_peers_of_the_last_one_warm(disturbed: tuple[Journal, Killer]) -> None:
    first, second, third = dict.fromkeys(disturbed[1].peers)
    assert len({first, second, third}) == 3
    assert disturbed[1].peers.count(third) == 4
