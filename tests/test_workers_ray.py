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
    """A field that changes little."""
    trial.suggest_float("ema_decay", 0.97, 0.98)


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
class Watcher:
    """Listens to the search, and notes which peers there are at each report."""

    peers: list[int] = field(default_factory=list)

    def trial_started(self, record: TrialRecord) -> None:
        """Nothing."""

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Note the peers."""
        self.peers += [process.pid for process in processes_named("_Peer")]

    def trial_ended(self, record: TrialRecord) -> None:
        """Nothing."""


@dataclass
class Killer(Watcher):
    """Kills a peer after the first epoch, the trial's own process after the second."""

    killed: list[str] = field(default_factory=list)
    orphans: list[psutil.Process] = field(default_factory=list)

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Kill what is due."""
        super().epoch_reported(record, epoch)
        victim = {("t0000", 1): "_Peer", ("t0000", 2): "ImplicitFunc"}.get((record.key, epoch))
        if victim is not None:
            if victim == "ImplicitFunc":
                self.orphans += processes_named("_Peer")
            for process in processes_named(victim):
                os.kill(process.pid, signal.SIGKILL)
                self.killed.append(victim)


def search(data: Path, out: Path, watcher: Watcher, **options: Any) -> Journal:
    """Run a search with two workers per trial, one trial at a time; return its journal."""
    pins = tuple(f"{name}={value}" for name, value in FIELDS.items() if name != "epochs")
    common = {"space": "quick", "epochs": 3, "concurrent": 1, "workers_per_trial": 2, "cpus_per_trial": 2, "set": pins}
    settings = SearchSettings(data=str(data), name="two_workers", out=str(out), **{**common, **options})
    settings.folder.mkdir(parents=True)
    journal = Journal(settings.folder / "journal.jsonl")
    job = TrialJob(settings.data_folder, str(settings.folder), settings.objective)
    build_tuner(settings, space, build_trainable(job), journal=journal, listeners=(watcher,)).fit()
    journal.close()
    return journal


@pytest.fixture(scope="module", autouse=True)
def ray_is_stopped() -> Iterator[None]:
    """Leave no Ray behind."""
    yield
    import ray

    ray.shutdown()


@pytest.fixture(scope="module")
def disturbed(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Journal, Killer]:
    """The journal of a search of two trials, and who disturbed it."""
    killer = Killer()
    return search(sample_folder, tmp_path_factory.mktemp("runs"), killer, trials=2, scheduler="asha"), killer


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


def test_trials_that_pause_at_a_rung_and_are_stopped_free_their_workers(sample_folder: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    journal = search(sample_folder, tmp_path, watcher, trials=3, scheduler="promotion", grace_period=1)
    lengths = {(one.status, len(one.epochs)) for one in journal.trials.values()}
    assert lengths == {("finished", 3), ("stopped", 1)}
    assert len(set(watcher.peers)) == 1 and len(watcher.peers) == 3 + 1 + 1, "one peer worked for all trials in turn"
    assert not psutil.wait_procs(processes_named("_Peer"), timeout=30)[1]
