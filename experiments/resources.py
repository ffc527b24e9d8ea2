"""The slots of a search: how many trials side by side, with how many CPUs and GPUs each."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from experiments.settings import SearchSettings
from experiments.space_check import check_space
from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput

BASE_MB, MB_PER_MEGAPIXEL = 1300, 2600


@dataclass(frozen=True)
class Slots:
    """How the cluster is divided."""

    concurrent: int
    cpus: float
    gpus: float

    @property
    def num_threads(self) -> int:
        """Threads of one trial."""
        return max(1, int(self.cpus))


def plan_slots(settings: SearchSettings, cluster: Mapping[str, float], trial_memory_mb: float = 0.0) -> Slots:
    """Divide what Ray found among the trials.

    One CPU per trial without a GPU: two small models on one core each train more images a second than one on two.

    Args:
        cluster: Ray's total resources, `CPU`, `GPU` and `memory` in bytes.
        trial_memory_mb: memory of one trial at most, in MiB; 0 where that is not known.

    Raises:
        BadInput: one trial needs more than there is, which Ray would wait for without end.
    """
    cpus, gpus = cluster.get("CPU", 0.0), cluster.get("GPU", 0.0)
    wanted = None if settings.concurrent == "auto" else settings.concurrent
    per_gpu = settings.gpus_per_trial
    if per_gpu is None:
        per_gpu = 1 / max(1, math.ceil((wanted or 1) / gpus)) if gpus else 0.0
    if per_gpu > gpus:
        raise BadInput(f"`--gpus-per-trial {per_gpu:g}`, but Ray finds {gpus:g} GPUs. Ask for at most that many.")
    if per_gpu > 1 and per_gpu != int(per_gpu):
        raise BadInput(
            f"`--gpus-per-trial {per_gpu:g}`: above one GPU only whole ones. Give a fraction or a whole number."
        )
    by_gpu = None
    if per_gpu:  # a fraction lies on one card: 0.4 fits twice on each
        by_gpu = int(gpus) * int(1 / per_gpu + 1e-9) if per_gpu < 1 else int(gpus / per_gpu + 1e-9)
    default_cpus = max(1.0, cpus // by_gpu) if by_gpu else 1.0
    per_cpu = settings.cpus_per_trial if settings.cpus_per_trial is not None else default_cpus
    if per_cpu > cpus:
        raise BadInput(f"`--cpus-per-trial {per_cpu:g}`, but Ray finds {cpus:g} CPUs. Ask for at most that many.")
    fit = min(int(cpus / per_cpu + 1e-9), by_gpu if by_gpu is not None else 10**6, settings.trials)
    if wanted is None and not per_gpu and trial_memory_mb and "memory" in cluster:
        wanted = max(1, int(cluster["memory"] / 2**20 / trial_memory_mb))
    return Slots(max(1, min(fit, wanted or fit)), per_cpu, per_gpu)


def space_memory_mb(space: Callable[[Any], None], pins: dict[str, Any]) -> float:
    """Memory that the largest trial of a space takes on a CPU, in MiB, rather too much than too little."""
    return max(memory_mb(config) for config in check_space(space, pins))


def memory_mb(config: TrialConfig) -> float:
    """Memory of one trial on a CPU, in MiB: what the libraries take, and what grows with the pixels of a batch."""
    pixels = config.image_size**2 * config.batch_size / config.accumulation
    return BASE_MB + MB_PER_MEGAPIXEL * pixels / 1e6
