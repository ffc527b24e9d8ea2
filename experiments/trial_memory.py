"""The memory of a trial on a CPU, estimated before it runs, and how many of them fit side by side."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from experiments.resources import Slots
from experiments.space_check import check_space
from trashseg_core.config import TrialConfig

BASE_MB = 1300
"""What a process with torch, smp and a mapped cache holds before it computes."""
MB_PER_MEGAPIXEL = 2600


def fit_memory(slots: Slots, cluster: Mapping[str, float], trial_memory_mb: float) -> Slots:
    """Reduce the trials side by side to those that fit into memory; one always may.

    Args:
        cluster: Ray's total resources; `memory` in bytes is what it may use.
        trial_memory_mb: memory of one trial at most, in MiB; 0 where that is not known.
    """
    if slots.gpus or not trial_memory_mb or "memory" not in cluster:
        return slots
    room = int(cluster["memory"] / 2**20 / trial_memory_mb)
    return replace(slots, concurrent=max(1, min(slots.concurrent, room)))


def space_memory_mb(space: Callable[[Any], None], pins: dict[str, Any]) -> float:
    """Memory that the largest trial of a space takes, in MiB."""
    return max(memory_mb(config) for config in check_space(space, pins))


def memory_mb(config: TrialConfig) -> float:
    """Memory of one trial in MiB, rather too much than too little."""
    pixels = config.image_size**2 * config.batch_size / config.accumulation
    return BASE_MB + MB_PER_MEGAPIXEL * pixels / 1e6
