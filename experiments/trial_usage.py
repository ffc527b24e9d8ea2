"""What a trial's first process uses while it trains: CPU, memory, GPU. Measured in the worker, with each epoch."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import torch

SAMPLE_S = 2.0
USAGE = {
    "process_cpu_percent": "system/process_cpu_percentage",
    "process_memory_mb": "system/process_memory_megabytes",
    "gpu_percent": "system/gpu_utilization_percentage",
    "gpu_memory_mb": "system/gpu_memory_usage_megabytes",
}
"""Where MLflow's UI shows each: under its system metrics, which are those of this prefix."""


class TrialUsage:
    """Measures from one epoch's end to the next one's.

    The process measures itself: the driver could look at it from outside only on its own machine.
    """

    def __init__(self) -> None:
        self._clock, self._cpu = time.perf_counter(), time.process_time()
        self._gpu: list[float] = []
        self._ended = threading.Event()
        if _gpu_percent() is not None:
            threading.Thread(target=self._sample, name="gpu usage", daemon=True).start()

    def __enter__(self) -> "TrialUsage":
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            percent = _gpu_percent()
            if percent is not None:
                self._gpu.append(percent)

    def since_last(self) -> dict[str, float]:
        """CPU in % of one core (all threads), resident memory in MiB; and where there is a GPU, how busy it was on
        average in %, whoever used it, and what of its memory is in use in MiB."""
        clock, cpu = time.perf_counter(), time.process_time()
        used = {"process_cpu_percent": 100 * (cpu - self._cpu) / max(clock - self._clock, 1e-9)}
        self._clock, self._cpu = clock, cpu
        with suppress(OSError, ValueError, IndexError):
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            used["process_memory_mb"] = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        if torch.cuda.is_available():
            free, total = torch.cuda.mem_get_info()
            used["gpu_memory_mb"] = (total - free) / 2**20
        samples, self._gpu = self._gpu, []
        if samples:
            used["gpu_percent"] = sum(samples) / len(samples)
        return used


def _gpu_percent() -> float | None:
    """Utilisation of this process's GPU; None without a GPU or its management library."""
    if not torch.cuda.is_available():
        return None
    try:
        return float(torch.cuda.utilization())
    except Exception:  # no pynvml, a driver without the query, a GPU that is shared out: each raises a kind of its own
        return None
