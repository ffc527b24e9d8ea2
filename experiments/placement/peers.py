"""Peers: the processes of a trial beside its first one, which train the same model on shares of every batch.

Each has its own bundle of the trial's placement group, so that Ray counts, packs and frees a trial as a whole. Ray
Train's trainer would be the ready part, but did not fit beneath Ray Tune's schedulers (2.60; one run each with and
without `reuse_actors`, 2 busy cores): its workers lie outside the trial's resources, and after a trial was stopped the
next one took no step in the 140 s until the run was cut off; the scheduler saw a report 4 s late, while training went
on, where a rung needs them in step; and a trial's first step came 40 to 45 s after its start, since each trial has a
controller and workers of its own. Here the first trial pays about 22 s for that, later ones find their peers warm.
"""

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import ray
import torch.distributed as dist
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
from torch.cuda import is_available

from trashseg_core.training.ranks import FirstRankLeft

TIMEOUT_S = 600.0
"""Longest wait of a rank for the others amid an epoch. A dead one is noticed at once, by its closed connections."""
PATIENCE_S = 10.0
"""How long the processes of a trial may take to follow when one of them ends."""
Work = Callable[..., None]


class WorkerLost(RuntimeError):
    """A process of the trial died; the trial can be tried again from its checkpoint."""


class _Peer:
    """The actor: one process, which trains with one group after another."""

    def run(self, address: str, rank: int, size: int, work: Work, arguments: tuple[Any, ...]) -> None:
        """Do a rank's part; the end of rank 0 is this one's too."""
        with _group(address, rank, size), suppress(FirstRankLeft):
            work(*arguments)


class Peers:
    """The other processes of a trial. They outlive it: the next trial in the same place finds them warm."""

    def __init__(self, size: int, bundle: dict[str, float]) -> None:
        """Start them in the placement group of the calling trial.

        Args:
            size: processes of a trial, the calling one included.
            bundle: CPUs and GPUs of each.
        """
        self._size, self._bundle = size, bundle
        group = ray.util.get_current_placement_group()
        assert group is not None
        self._group = group
        self._actors = {rank: self._start(rank) for rank in range(1, size)}
        # How long Tune waits for a stopped trial before it gives this process up.
        os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", f"{2 * PATIENCE_S:.0f}")

    def _start(self, rank: int) -> Any:
        place = PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=rank)
        needs = {"num_cpus": self._bundle.get("CPU", 0.0), "num_gpus": self._bundle.get("GPU", 0.0)}
        return ray.remote(_Peer).options(scheduling_strategy=place, **needs).remote()

    @contextmanager
    def working(self, work: Work, *arguments: Any) -> Iterator[None]:
        """Form a process group in which this process is rank 0, while the others do `work(*arguments)`.

        When the block ends, so do they: those that do not follow within `PATIENCE_S` are replaced. Where one of them
        ends by itself while this process waits for it, this process ends too, and Ray tries the trial again.

        Raises:
            WorkerLost: one of them died.
        """
        over = threading.Event()
        with tempfile.TemporaryDirectory(prefix="trashseg-peers-") as private:
            address = _meeting_point(private)
            runs = {
                rank: actor.run.remote(address, rank, self._size, work, arguments)
                for rank, actor in self._actors.items()
            }
            threading.Thread(target=_leave_when_one_ends, args=(list(runs.values()), over), daemon=True).start()
            try:
                with _group(address, 0, self._size):
                    yield
            except Exception as error:
                over.set()
                raise _cause(error, list(runs.values())) from error
            finally:
                over.set()
                self._replace_late_ones(runs)

    def _replace_late_ones(self, runs: dict[int, Any]) -> None:
        _, late = ray.wait(list(runs.values()), num_returns=len(runs), timeout=PATIENCE_S)
        for rank, run in runs.items():
            if run in late:
                ray.kill(self._actors[rank])
            if run in late or isinstance(_error(run), ray.exceptions.RayActorError):
                self._actors[rank] = self._start(rank)


@contextmanager
def _group(address: str, rank: int, size: int) -> Iterator[None]:
    backend = "cpu:gloo,cuda:nccl" if is_available() else "gloo"
    wait = timedelta(seconds=TIMEOUT_S)
    if address.startswith("file:"):
        _stay_on_loopback()
    try:
        dist.init_process_group(backend, init_method=address, rank=rank, world_size=size, timeout=wait)
        yield
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _leave_when_one_ends(runs: list[Any], over: threading.Event) -> None:
    """End this process if another one failed and this one is still waiting for it `PATIENCE_S` later."""
    while runs and not over.is_set():
        done, runs = ray.wait(runs, timeout=1.0)
        if any(_error(run) is not None for run in done):
            if not over.wait(PATIENCE_S):
                os._exit(1)
            return


def _cause(error: Exception, runs: list[Any]) -> Exception:
    done, _ = ray.wait(runs, num_returns=len(runs), timeout=PATIENCE_S)
    return find_cause(error, [found for run in done if (found := _error(run)) is not None])


def find_cause(error: Exception, others: list[Exception]) -> Exception:
    """What ended a trial: the death of a process first, then what a rank ran into by itself, else a lost contact.

    Args:
        error: of this process.
        others: how the runs of the others failed, as far as they ended.
    """
    for found in others:
        if isinstance(found, ray.exceptions.RayActorError):
            return WorkerLost(f"a worker of the trial died ({str(found).splitlines()[0][:160]})")
    reasons = [found.cause for found in others if isinstance(found, ray.exceptions.RayTaskError)]
    lost = WorkerLost(f"a worker of the trial is out of reach ({str(error).splitlines()[0][:160]})")
    return next((one for one in [error, *reasons] if not _is_echo(one)), lost)


def _is_echo(error: Exception) -> bool:
    """Whether an error only says that another rank is gone."""
    return isinstance(error, dist.DistError) or "gloo" in str(error)


def _error(run: Any) -> Exception | None:
    """How a finished run failed, or None."""
    try:
        ray.get(run)
    except Exception as error:
        return error
    return None


def _meeting_point(private: str) -> str:
    """Where the processes of a group find each other: on one machine a file, as torch's store listens everywhere.

    Args:
        private: an empty folder that others cannot enter.
    """
    here = ray.util.get_node_ip_address()
    return f"file://{private}/store" if here == "127.0.0.1" else f"tcp://{here}:{_free_port()}"


def _stay_on_loopback() -> None:
    """Have the tensors of a group on one machine go over its loopback device, where nobody else connects."""
    name = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), None)
    for library in ("GLOO", "NCCL"):
        if name is not None:
            os.environ.setdefault(f"{library}_SOCKET_IFNAME", name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
