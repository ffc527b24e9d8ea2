"""Searches whose trials fail in given ways. A training writes numbers in place of weights, all else is the project's.

python -m tests.reliability.faulty_search OUT NAME [TRIAL=FAULT ...]
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.checkpoints.disk_budget import DiskBudget
from experiments.checkpoints.trial_folder import TrialFolder
from experiments.journal import Journal
from experiments.settings import SearchSettings
from experiments.trainable import TrialJob, run_trial
from experiments.verbs.command_line import run_command
from tests.reliability import memory_limit
from tests.tiny import settings_of
from trashseg_core.checkpoint import read_state, write_checkpoint
from trashseg_core.config import TrialConfig
from trashseg_core.confusion import miou
from trashseg_core.errors import TrainingFailed
from trashseg_core.val_confusions import Confusions

EPOCHS, TRIALS, HANG_LIMIT_S = 3, 4, 20.0
GROUP = "TEST_MEMORY_GROUP"
"""Variable with the control group in which the fault `exceed` takes too much memory."""
SWELLS_BY = 8 << 30
"""Bytes that the fault `swell` takes."""
WEIGHTS = 100_000
"""Numbers in a checkpoint's weights, 4 bytes each."""


def space(trial: Any) -> None:
    """One number."""
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)


def die() -> None:
    """What the kernel does to a process that takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def exceed() -> None:
    """Take more memory than a control group allows; the kernel kills the process."""
    memory_limit.enter(Path(os.environ[GROUP]))
    take_memory(1 << 30, 0.0)


def take_memory(size: int, pause_s: float) -> None:
    """Take so many bytes, 64 MiB at a time, and use them."""
    taken = []
    for _ in range(size >> 26):
        taken.append(np.ones(1 << 26, np.uint8))
        time.sleep(pause_s)
    raise RuntimeError(f"{size} bytes were taken, and the process is still alive")


def hang_in_c() -> None:
    """Sleep in C with the interpreter's lock held: no thread of the process goes on."""
    ctypes.PyDLL(None).sleep(10_000)


def run_out() -> None:
    """What torch raises when a GPU is full."""
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB.")


def allocate() -> None:
    """Ask for more memory than any machine has."""
    np.ones(1 << 55, np.uint8)


def diverge() -> None:
    """What a training raises whose loss is not finite."""
    raise TrainingFailed("The training loss is nan in epoch 2: diverged at lr=0.1.")


FAULTS: dict[str, Callable[[], None]] = {
    "die": die,
    "exceed": exceed,
    "swell": lambda: take_memory(SWELLS_BY, 0.05),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "hang": lambda: time.sleep(10_000),
    "hang-in-c": hang_in_c,
    "run-out": run_out,
    "allocate": allocate,
    "diverge": diverge,
}


def trainable_of(job: TrialJob, faults: dict[str, str]) -> Callable[[dict[str, Any]], None]:
    """A trainable whose trials in `faults` meet theirs in epoch 2, or in epoch 1 where it ends in `@1`."""

    def trainable(params: dict[str, Any]) -> None:
        from experiments import trainable as module

        module._train = lambda *args: train(*args, faults.get(params["trial_key"]))  # type: ignore[assignment]
        run_trial(job, params)

    return trainable


def train(job: TrialJob, path: Path, config: TrialConfig, budget: DiskBudget, fault: str | None) -> None:
    """As `experiments.trainable._train`, with real checkpoints of a model that learns nothing."""
    from ray import tune

    with open(Path(job.run_folder) / "processes.log", "a") as stream:
        stream.write(f"{path.name} {os.getpid()}\n")
    folder = TrialFolder(path, job.objective)
    last = folder.last()
    if last is not None:
        tune.report(read_state(last)["metrics"])
    for epoch in range(1 if last is None else 1 + int(last.name[-4:]), EPOCHS + 1):
        kind, _, at = (fault or "").partition("@")
        if kind and epoch == int(at or 2):
            FAULTS[kind]()
        right = round(1000 * epoch / EPOCHS * (1 - 10 * config.lr / 2))
        per_image = np.array([[[right, 1000 - right], [0, 1000]]], np.int64)
        metrics = {"epoch": epoch, "val_miou": float(miou(per_image.sum(axis=0))), "epoch_s": 0.1}
        source = path / ".epoch"
        source.mkdir()
        scored = Confusions(per_image, ["a.jpg"], ["Background", "x"])
        write_checkpoint(source, config, Numbers(epoch), {"epoch": epoch, "metrics": metrics}, scored)
        folder.keep(epoch, source, metrics["val_miou"])
        tune.report(metrics)


class Numbers(torch.nn.Module):
    """Weights that say which epoch they are of."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((WEIGHTS,), float(epoch)))


def search_of(
    out: Path,
    name: str,
    faults: dict[str, str],
    trials: int = TRIALS,
    say: Callable[[str], None] = print,
    hang_limit: float = HANG_LIMIT_S,
) -> SearchSettings:
    """Run a search, or go on with it: trials one after another, each to its last epoch."""
    from experiments.search import run
    from experiments.stages import collect_results

    settings = settings_of(
        *(out / name, trials, EPOCHS),
        concurrent=1,
        keep=20,
        scheduler="asha",
        grace_period=EPOCHS,
        hang_limit=hang_limit,
        set=("seed=0",),
    )
    settings.folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(settings.folder / "journal.jsonl")
    journal.retry_what_had_no_room()
    job = TrialJob(settings.data_folder, str(settings.folder), settings.objective)
    try:
        run(settings, space, trainable_of(job, faults), journal, (), say=say)
    finally:
        journal.close()
    collect_results(journal, settings)
    return settings


def search(out: str, name: str, faults: tuple[str, ...] = ()) -> None:
    """Run a search as a process of its own."""
    search_of(Path(out), name, dict(one.split("=") for one in faults))


if __name__ == "__main__":
    out, name, *faults = sys.argv[1:]
    words = ["search", "--out", out, "--name", name, *(["--faults", *faults] if faults else [])]
    sys.exit(run_command({"search": search, "other": search}, "", words))
