"""What MLflow costs a search of 60 trials x 30 epochs, and what it costs when its server is gone.

Two searches of the whole driver are compared, one with tracking, one without. Their trials train nothing: on a machine
with other work, a difference of one percent between walls of hours is not to be seen. So the difference is measured
alone, in CPU seconds of all the driver's threads, pictures and last pass included. It is held against the wall time of
a search whose epochs take what the quickstart's take, measured in the same run: 160 photos of 128 px, a sixteenth of
the competition's photos with a sixteenth of their pixels. They too are measured in CPU seconds, which is their wall
time where every slot has one core to itself. That nothing overlaps is assumed: every second of the driver counts as if
all slots had stood still for it.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from tests.bench.end_to_end import ROOT
from tests.bench.rows import Row
from tests.bench.timing import THREADS, bench_config
from tests.bench.tracked_search import EPOCHS, NUM_METRICS, SLOTS, TRIALS
from trashseg_core.data.dataset import open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.sample_data import write_sample_data
from trashseg_core.train import train

NUM_PHOTOS, REAL_EPOCHS = 240, 3


def measure(repeats: int) -> list[Row]:
    """Run all three searches `repeats` times in turn."""
    epoch_s = _real_epoch_s()
    runs = [{kind: _run(kind) for kind in ("without", "with", "gone")} for _ in range(repeats)]
    for run in runs:
        print(json.dumps(run), flush=True)
    wall = TRIALS * EPOCHS * epoch_s / SLOTS
    cost = statistics.median(run["with"]["cpu_s"] - run["without"]["cpu_s"] for run in runs)
    requests = statistics.median(run["with"]["requests"] for run in runs)
    size = f"{TRIALS} trials x {EPOCHS} epochs, {NUM_METRICS} metrics"
    return [
        Row(
            f"MLflow's share of the wall time, {size}",
            100 * cost / wall,
            "<=",
            2,
            "%",
            f"the same search without tracking: {cost:.1f} s of CPU more, of {wall:.0f} s of wall time at "
            f"{epoch_s:.2f} s per real epoch on {SLOTS} slots",
            f"SQLite's transactions: {1000 * cost / TRIALS / EPOCHS:.1f} ms per epoch, runs and pictures included, "
            f"{TRIALS * EPOCHS / requests:.2f} epochs per request",
        ),
        Row(
            "wall time while the server is gone",
            statistics.median(run["gone"]["search_s"] / run["without"]["search_s"] for run in runs),
            "<=",
            1.1,
            "x",
            "the same search without tracking, epochs of 0.1 s",
            "the import of MLflow in the driver",
        ),
    ]


def _run(kind: str) -> dict[str, float]:
    """One search in a process of its own."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "tests.bench.tracked_search", kind, out]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return dict(json.loads(done.stdout.splitlines()[-1]))


def _real_epoch_s() -> float:
    """Median CPU seconds of an epoch, report included, of the default configuration on generated photos."""
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as name:
        write_sample_data(Path(name) / "data", num_images=NUM_PHOTOS, image_size=128)
        config = bench_config(epochs=REAL_EPOCHS)
        moments = [time.process_time()]
        data = open_data(DataFolder(str(Path(name) / "data")), config)
        train(config, data, lambda metrics, checkpoint: moments.append(time.process_time()))
    return statistics.median(after - before for before, after in zip(moments[1:], moments[2:], strict=False))
