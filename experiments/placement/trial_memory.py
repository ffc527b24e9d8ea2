"""The memory of a trial on a CPU, estimated before it runs, and how many of them fit side by side."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from experiments.placement.resources import Slots
from experiments.points.space_check import draw_points, values_of
from trashseg_core.config import TrialConfig

BASE_MB = 1000
"""What a process with torch, smp and a network holds before it computes: 740 to 900 MB were measured."""
MB_PER_MEGAPIXEL = 5000
"""What a training step adds for each 10^6 pixels of a batch. Measured in bf16: lite0 with SegFormer's decoder 1,600,
with FPN 1,500; ConvNeXt-T with Unet++ 4,000, MiT-B2 with UPerNet 3,800; more only EfficientNet-B5 with MAnet, 7,900."""


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
    points, _ = draw_points(space, pins)
    return max(memory_mb(TrialConfig.from_params(values_of(space, point, pins))) for point in points)


def memory_mb(config: TrialConfig) -> float:
    """Memory of one trial in MiB: more than most networks take."""
    pixels = config.image_size**2 * config.batch_size / config.accumulation
    return BASE_MB + MB_PER_MEGAPIXEL * pixels / 1e6
