"""What a process computes on: device, autocast type, peak memory."""

import ctypes
import gc
import resource
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import torch

from trashseg_core.config import TrialConfig


def device() -> torch.device:
    """The GPU that this process sees first, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(config: TrialConfig) -> AbstractContextManager:
    """Autocast as `config.precision` says: `auto` is bf16 where the processor computes in it natively, else off."""
    kind = device().type
    native = torch.cuda.is_bf16_supported(including_emulation=False) if kind == "cuda" else _cpu_has_bf16()
    enabled = config.precision == "bf16" or (config.precision == "auto" and native)
    return torch.autocast(kind, torch.bfloat16, enabled=enabled)


def _cpu_has_bf16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def release_memory() -> None:
    """Give the memory of a finished trial back, so that a process that runs many does not grow."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def reset_peak_memory() -> None:
    """Start a new measurement of `peak_memory_mb`."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory_mb() -> float:
    """Peak memory since the last reset in MiB: of the GPU where there is one, else resident memory of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
