"""What the benches of the core share: a config, the real photos, medians of ratios."""

import statistics
import time
from collections.abc import Callable

import torch

from tests.bench.end_to_end import DATA
from trashseg_core.config import TrialConfig
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder

THREADS = 1
"""As a search trains on a CPU: one core per trial."""


def bench_config(**fields: object) -> TrialConfig:
    """The default configuration at 128 px."""
    return TrialConfig.from_params({"image_size": 128, "epochs": 1000, **fields})


def open_bench_data(config: TrialConfig) -> TrainingData:
    """garbage6 at the config's size."""
    return open_data(DataFolder(str(DATA)), config)


def median_ratio(repeats: int, own: Callable[[], float], other: Callable[[], float]) -> float:
    """Median of own / other, run in turn."""
    return statistics.median(own() / other() for _ in range(repeats))


def seconds_of(job: Callable[[], object]) -> float:
    """Wall time of a job, the GPU's work included."""
    started = time.perf_counter()
    job()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started
