"""Two workers train each trial of a real search, while processes of it are killed."""

import json
import os
import signal
import time
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
EPOCHS = 4
FIELDS = {**{name: value for name, value in FASTEST.items() if name != "epochs"}, "optimizer": "sgd", "lr": 0.01}
TOLERANCE = 1e-3
"""Sums in another order, in fp32, over four epochs of a network with forty norms."""


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
class Killer:
    """Listens to the search: kills a peer after a trial's second epoch, the trial's own process after its third."""

    peers: list[int] = field(default_factory=list)
    """Peers at each report."""
    killed: list[str] = field(default_factory=list)
    orphans: list[psutil.Process] = field(default_factory=list)
    """Peers of the killed process."""
    left: list[psutil.Process] = field(default_factory=list)
    """Peers at the end of the search."""

    def trial_started(self, record: TrialRecord) -> None:
        """Nothing."""

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Note the peers, and kill what is due."""
        peers = processes_named("_Peer")
        self.peers += [process.pid for process in peers]
        victims = {2: peers, 3: processes_named("ImplicitFunc")}.get(epoch, [])
        if epoch == 3:
            self.orphans = peers
        for process in victims:
            os.kill(process.pid, signal.SIGKILL)
            self.killed.append("_Peer" if epoch == 2 else "ImplicitFunc")

    def trial_ended(self, record: TrialRecord) -> None:
        """Nothing."""


@pytest.fixture(scope="module", autouse=True)
def ray_is_stopped() -> Iterator[None]:
    """Leave no Ray behind."""
    yield
    import ray

    ray.shutdown()


@pytest.fixture(scope="module")
def disturbed(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Journal, Killer]:
    """The journal of a search that pauses three trials at epoch 1 and resumes the best, and who disturbed it."""
    settings = SearchSettings(
        data=str(sample_folder),
        space="quick",
        name="two_workers",
        out=str(tmp_path_factory.mktemp("runs")),
        trials=3,
        epochs=EPOCHS,
        grace_period=1,
        concurrent=1,
        workers_per_trial=2,
        set=tuple(f"{name}={value}" for name, value in FIELDS.items()),
    )
    settings.folder.mkdir(parents=True)
    journal, killer = Journal(settings.folder / "journal.jsonl"), Killer()
    job = TrialJob(settings.data_folder, str(settings.folder), settings.objective)
    build_tuner(settings, space, build_trainable(job), journal=journal, listeners=(killer,)).fit()
    killer.left = processes_named("_Peer")
    journal.close()
    return journal, killer


def finished(journal: Journal) -> TrialRecord:
    """The trial that was promoted."""
    return next(record for record in journal.trials.values() if record.status == "finished")


def test_trials_pause_and_end_as_those_of_one_worker(disturbed: tuple[Journal, Killer]) -> None:
    lengths = [(one.status, sorted(one.epochs)) for one in disturbed[0].trials.values()]
    assert sorted(lengths) == [("finished", list(range(1, EPOCHS + 1))), ("stopped", [1]), ("stopped", [1])]


def test_a_trial_goes_on_after_the_death_of_a_peer_and_of_its_own_process(disturbed: tuple[Journal, Killer]) -> None:
    journal, killer = disturbed
    assert killer.killed == ["_Peer", "ImplicitFunc"]
    events = [json.loads(line) for line in journal.path.read_text().splitlines()]
    epochs = [event["epoch"] for event in events if event["event"] == "epoch" and event["key"] == finished(journal).key]
    assert epochs == list(range(1, EPOCHS + 1))


def test_one_peer_works_for_trial_after_trial_until_it_is_killed(disturbed: tuple[Journal, Killer]) -> None:
    first, second, third = dict.fromkeys(disturbed[1].peers)
    assert [disturbed[1].peers.count(one) for one in (first, second, third)] == [4, 1, 1]


def test_no_peer_outlives_the_process_of_its_trial_or_the_search(disturbed: tuple[Journal, Killer]) -> None:
    assert len(disturbed[1].orphans) == 1
    assert not psutil.wait_procs(disturbed[1].orphans + disturbed[1].left, timeout=30)[1]


def test_a_trial_of_two_workers_has_the_numbers_of_one_worker(
    disturbed: tuple[Journal, Killer], sample_folder: Path
) -> None:
    record, expected = finished(disturbed[0]), []
    config = TrialConfig(**record.config)
    train(config, open_data(DataFolder(str(sample_folder)), config), lambda metrics, _: expected.append(metrics))
    for epoch, alone in enumerate(expected, 1):
        for name in ("train_loss", "val_loss", "val_miou", "lr"):
            assert record.epochs[epoch][name] == pytest.approx(alone[name], abs=TOLERANCE), (epoch, name)


def fail_at_first(is_first_try: bool) -> None:
    """The peer's part in a training that hangs once."""
    if is_first_try:
        raise RuntimeError("gone")


def hanging_in(folder: Path) -> Any:
    """A trainable that waits for a peer which has failed, as a GPU's collective does; the second try ends."""

    def trainable(params: dict[str, Any]) -> None:
        from ray import tune

        from experiments.placement import peers

        peers.PATIENCE_S = 5.0
        tries = len(list(folder.glob("try_*")))
        (folder / f"try_{tries}").touch()
        with peers.Peers(2, {"CPU": 0.5}).working(fail_at_first, tries == 0):
            time.sleep(0 if tries else 600)
            tune.report({"epoch": 1, "val_miou": 0.5})

    return trainable


def test_a_trial_that_waits_for_a_failed_peer_is_tried_again(tmp_path: Path) -> None:
    common = {"data": "none", "space": "quick", "name": "hanging", "out": str(tmp_path), "trials": 1, "epochs": 1}
    settings = SearchSettings(**common, workers_per_trial=2, cpus_per_trial=1, scheduler="asha")
    build_tuner(settings, space, hanging_in(tmp_path)).fit()
    journal = Journal(settings.folder / "journal.jsonl")
    journal.close()
    assert [record.status for record in journal.trials.values()] == ["finished"]
    assert len(list(tmp_path.glob("try_*"))) >= 2
