"""The Ray worker's side of a trial: params -> TrialConfig -> train -> report."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ray import tune

from experiments.disk_budget import DiskBudget
from experiments.recorder import FAILURE
from experiments.trial_folder import TrialFolder
from trashseg_core.checkpoint import read_state
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.hardware import release_memory
from trashseg_core.train import train


@dataclass(frozen=True)
class TrialJob:
    """What every trial of a search shares. Plain values: it travels to the workers."""

    data_folder: DataFolder
    run_folder: str
    objective: str
    disk_bytes: int | None = None


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
    num_threads = max(1, int(tune.get_context().get_trial_resources().required_resources.get("CPU", 1)))
    torch.set_num_threads(num_threads)
    values = dict(params)
    key = values.pop("trial_key")
    budget = DiskBudget(Path(job.run_folder) / "trials", key, job.disk_bytes)
    try:
        _train(job, Path(job.run_folder) / "trials" / key, TrialConfig.from_params(values), num_threads, budget)
    except Exception as error:
        budget.release()
        reason = str(error).strip().splitlines() or [""]
        tune.report({FAILURE: f"{type(error).__name__}: {reason[0][:300]}"})


def _train(job: TrialJob, path: Path, config: TrialConfig, num_threads: int, budget: DiskBudget) -> None:
    folder = TrialFolder(path, job.objective)
    last = folder.last()
    if last is not None:  # the driver may have died between this checkpoint and its record
        tune.report(read_state(last)["metrics"])

    def report(metrics: dict[str, float], checkpoint: Path) -> None:
        folder.keep(int(metrics["epoch"]), checkpoint, metrics[job.objective])
        budget.release()  # before the report, out of which a trial that is stopped never comes back
        tune.report(metrics)

    data = _open_data(job.data_folder, config.predict_size, config.augmix_ratio > 0)
    train(
        config,
        data,
        report,
        resume_from=last,
        loader_threads=num_threads,
        scratch_dir=path,
        make_room=budget.make_room,
    )


@functools.lru_cache(maxsize=4)
def _open_data(folder: DataFolder, image_size: int, with_bank: bool) -> TrainingData:
    """Open the data once per process: reused workers share the mapped arrays between trials."""
    return open_data(folder, TrialConfig(image_size=image_size, augmix_ratio=float(with_bank)))
