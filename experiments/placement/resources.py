"""The slots of a search: how many trials side by side, with how many CPUs and GPUs each."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from experiments.settings import SearchSettings
from trashseg_core.errors import BadInput


@dataclass(frozen=True)
class Slots:
    """How the cluster is divided."""

    concurrent: int
    cpus: float
    """CPUs of one trial."""
    gpus: float
    """GPUs of one trial."""
    workers: int = 1
    """Processes that train one trial together."""

    @property
    def bundle(self) -> dict[str, float]:
        """What one worker of a trial takes on its node, in Ray's words."""
        return {"CPU": self.cpus / self.workers, "GPU": self.gpus / self.workers}

    @property
    def num_threads(self) -> int:
        """Threads of one worker."""
        return max(1, int(self.bundle["CPU"]))


def plan_slots(settings: SearchSettings, cluster: Mapping[str, float]) -> Slots:
    """Divide what Ray found among the trials.

    One CPU per trial without a GPU: two small models on one core each train more images a second than one on two.

    Args:
        cluster: Ray's total resources, `CPU` and `GPU`.

    Raises:
        BadInput: one trial needs more than there is, which Ray would wait for without end.
    """
    cpus, gpus, workers = cluster.get("CPU", 0.0), cluster.get("GPU", 0.0), settings.num_workers
    wanted = None if settings.concurrent == "auto" else settings.concurrent
    per_gpu = settings.gpus_per_trial
    if per_gpu is None and workers > 1:
        per_gpu = float(workers) if gpus else 0.0
    elif per_gpu is None:  # more trials than cards share them evenly
        per_gpu = 1 / max(1, math.ceil((wanted or 1) / gpus)) if gpus else 0.0
    if per_gpu > gpus:
        raise BadInput(f"`{asked_gpus(settings)[0]}`, but Ray finds {gpus:g} GPUs. Ask for at most that many.")
    if per_gpu > 1 and per_gpu != int(per_gpu):
        raise BadInput(
            f"`--gpus-per-trial {per_gpu:g}`: above one GPU only whole ones. Give a fraction or a whole number."
        )
    if per_gpu and per_gpu != workers and max(per_gpu, workers) > 1:
        raise BadInput(
            f"`--gpus-per-trial {per_gpu:g}` with `--workers-per-trial {workers}`: a worker computes on one GPU. Give "
            "the same number twice, or leave one of them out."
        )
    by_gpu = None
    if per_gpu:  # a fraction lies on one card: 0.4 fits twice on each
        by_gpu = int(gpus) * int(1 / per_gpu + 1e-9) if per_gpu < 1 else int(gpus / per_gpu + 1e-9)
    default_cpus = max(float(workers), cpus // by_gpu) if by_gpu else float(workers)
    per_cpu = settings.cpus_per_trial if settings.cpus_per_trial is not None else default_cpus
    if per_cpu > cpus:
        raise BadInput(f"`--cpus-per-trial {per_cpu:g}`, but Ray finds {cpus:g} CPUs. Ask for at most that many.")
    fit = min(int(cpus / per_cpu + 1e-9), by_gpu if by_gpu is not None else 10**6, settings.trials)
    return Slots(max(1, min(fit, wanted or fit)), per_cpu, per_gpu, workers)


def asked_gpus(settings: SearchSettings) -> tuple[str, float]:
    """The flag, with its value, that asks for the GPUs of a trial, and how many those are."""
    if settings.gpus_per_trial is None:
        return f"--workers-per-trial {settings.num_workers}", float(settings.num_workers)
    return f"--gpus-per-trial {settings.gpus_per_trial:g}", settings.gpus_per_trial


def fewer_than_asked(settings: SearchSettings, slots: Slots) -> str | None:
    """Say why fewer trials than `--concurrent` run side by side, or None. More than there are trials nobody misses."""
    if settings.concurrent == "auto" or slots.concurrent >= min(settings.concurrent, settings.trials):
        return None
    needs = f"{slots.cpus:g} CPU" + (f" and {slots.gpus:g} GPU" if slots.gpus else "")
    each = {"--cpus-per-trial": slots.cpus, "--gpus-per-trial": slots.gpus, "--workers-per-trial": slots.workers - 1}
    lower = " or ".join(f"`{flag}`" for flag in ("--concurrent", *(flag for flag, size in each.items() if size)))
    return (
        f"`--concurrent {settings.concurrent}`: {slots.concurrent} fit side by side, each takes {needs}. Lower {lower}."
    )


def fit_nodes(slots: Slots, nodes: Iterable[Mapping[str, float]]) -> Slots:
    """Reduce the trials side by side to those whose workers fit: each needs its share on one node.

    Args:
        nodes: Ray's resources of each node.

    Raises:
        BadInput: not even one trial fits, which Ray would wait for without end.
    """
    needs = {name: amount for name, amount in slots.bundle.items() if amount}
    places = sum(min(int(node.get(name, 0.0) / amount + 1e-9) for name, amount in needs.items()) for node in nodes)
    if places < slots.workers:
        needed = " and ".join(f"{amount:g} {name}" for name, amount in needs.items())
        raise BadInput(
            f"A trial needs {slots.workers} x {needed}, each on one node, but the nodes have {places} such places. "
            "Lower `--cpus-per-trial`, `--gpus-per-trial` or `--workers-per-trial`."
        )
    return replace(slots, concurrent=min(slots.concurrent, places // slots.workers))
