"""The Ray worker's side of a trial: params -> TrialConfig -> train -> report."""

import functools
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ray import tune

from experiments.checkpoints.disk_budget import DiskBudget
from experiments.checkpoints.trial_folder import TrialFolder
from experiments.failures import reason_of
from experiments.limits import Limits
from experiments.placement.peers import Peers, WorkerLost
from experiments.placement.watchdog import SignOfLife
from experiments.recorder import FAILURE
from experiments.trial_usage import TrialUsage
from trashseg_core.checkpoint import read_state
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.hardware import release_memory
from trashseg_core.models import parameters_m
from trashseg_core.train import train


@dataclass(frozen=True)
class TrialJob:
    """What every trial of a search shares. Plain values: it travels to the workers."""

    data_folder: DataFolder
    run_folder: str
    objective: str
    limits: Limits = Limits()
    disk_bytes: int | None = None


class NodeWithoutStorage(RuntimeError):
    """A node does not reach the run folder, so that its checkpoints would be lost."""


def build_trainable(job: TrialJob) -> Callable[[dict[str, Any]], None]:
    """Return the function trainable that Ray Tune calls with each trial's params."""

    def trainable(params: dict[str, Any]) -> None:
        run_trial(job, params)

    return trainable


def run_trial(job: TrialJob, params: dict[str, Any]) -> None:
    """Train one trial, going on from its own last checkpoint if it has one.

    A failure of the trial itself (bad params, divergence, out of memory) is reported once and ends it. The death of
    the process is Ray's to notice; the retry lands here again and goes on.
    """
    release_memory()  # a reused process still holds what ASHA cut off inside `report`
    if not Path(job.run_folder).is_dir():  # a node that came later; Ray tries the trial again
        raise NodeWithoutStorage(f"{os.uname().nodename}: {job.run_folder} is not there. All nodes must share it.")
    values = dict(params)
    key = values.pop("trial_key")
    budget = DiskBudget(Path(job.run_folder) / "trials", key, job.disk_bytes)
    try:
        _train(job, Path(job.run_folder) / "trials" / key, TrialConfig.from_params(values), budget)
    except WorkerLost:
        budget.release()
        raise
    except Exception as error:
        budget.release()
        tune.report({FAILURE: reason_of(error, f"{job.run_folder}/trials")})


def _train(job: TrialJob, path: Path, config: TrialConfig, budget: DiskBudget) -> None:
    folder = TrialFolder(path, job.objective)
    last = folder.last()
    if last is not None:  # the driver may have died between this checkpoint and its record
        tune.report(read_state(last)["metrics"])

    def report(metrics: dict[str, float], checkpoint: Path) -> None:
        folder.keep(int(metrics["epoch"]), checkpoint, metrics[job.objective])
        budget.release()  # before the report, out of which a trial that is stopped never comes back
        tune.report({**metrics, **usage.since_last()})

    bundles = tune.get_context().get_trial_resources().bundles
    num_threads = max(1, int(bundles[0].get("CPU", 1)))
    torch.set_num_threads(num_threads)
    data = _open_data(job.data_folder, config.predict_size, config.augmix_ratio > 0, config.pseudo_ratio > 0)
    size = {"parameters_m": parameters_m(config, data.train.num_classes)}
    too_large = job.limits.broken(size) if last is None else None
    if too_large is not None:
        tune.report({FAILURE: too_large, **size})
        return
    with TrialUsage() as usage, _peers_working(bundles, job.data_folder, config, last, num_threads):
        train(
            config,
            data,
            report,
            resume_from=last,
            loader_threads=num_threads,
            scratch_dir=path,
            make_room=budget.make_room,
            each_step=SignOfLife(path.parent, path.name),
        )


def train_share(data_folder: DataFolder, config: TrialConfig, last: Path | None, num_threads: int) -> None:
    """What the other processes of a trial do: the same training, which reports from the first one only."""
    release_memory()
    torch.set_num_threads(num_threads)
    data = _open_data(data_folder, config.predict_size, config.augmix_ratio > 0, config.pseudo_ratio > 0)
    train(config, data, lambda metrics, checkpoint: None, resume_from=last, loader_threads=num_threads)


def _peers_working(bundles: list[dict[str, float]], *arguments: Any) -> AbstractContextManager[None]:
    if len(bundles) == 1:
        return nullcontext()
    return _peers(len(bundles), bundles[0].get("CPU", 0.0), bundles[0].get("GPU", 0.0)).working(train_share, *arguments)


@functools.cache
def _peers(size: int, cpus: float, gpus: float) -> Peers:
    """Started once per process: trials that follow in it find them warm."""
    return Peers(size, {"CPU": cpus, "GPU": gpus})


@functools.lru_cache(maxsize=4)
def _open_data(folder: DataFolder, image_size: int, with_bank: bool, with_pseudo: bool) -> TrainingData:
    """Open the data once per process: reused workers share the mapped arrays between trials."""
    used = {"augmix_ratio": float(with_bank), "pseudo_ratio": float(with_pseudo)}
    return open_data(folder, TrialConfig.from_params({"image_size": image_size, **used}))
