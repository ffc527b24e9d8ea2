"""A search over trials that train nothing, through the whole driver: searcher, journal, terminal, MLflow, Ray.

    python -m tests.bench.table_search SCHEDULER OUT TRIALS EPOCHS FIRST_RUNG

Prints one JSON line. Its trials report at once, so the driver is never idle for long.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import ray

from experiments.journal import Journal, TrialRecord
from experiments.policy.rungs import milestones
from experiments.search import run
from experiments.showing.plain_lines import PlainLines
from experiments.showing.progress import Progress
from experiments.terminal import Terminal
from experiments.tracking.tracker import Tracker
from search_spaces import load
from tests.bench.free_search import free_settings

SLOTS, NUM_METRICS = 4, 20


class Meter:
    """Listens to the trials and notes, every 100 reports, what the driver has used so far."""

    def __init__(self) -> None:
        self._process, self._count = psutil.Process(), 0
        self.rows: list[tuple[int, float, float, float]] = []
        """Reports; seconds in which it did not wait for workers; CPU seconds of all threads; resident MiB."""
        self._waited, self._wait = 0.0, ray.wait
        ray.wait = self._timed_wait  # where Tune's loop waits

    def _timed_wait(self, *arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        ready = self._wait(*arguments, **options)
        self._waited += time.perf_counter() - started
        return ready

    def trial_started(self, record: TrialRecord) -> None:
        """Nothing to note."""

    def epoch_reported(self, record: TrialRecord, epoch: int) -> None:
        """Count a report."""
        if self._count % 100 == 0:
            memory = self._process.memory_info().rss / 2**20
            self.rows.append((self._count, time.perf_counter() - self._waited, time.process_time(), memory))
        self._count += 1

    def trial_ended(self, record: TrialRecord) -> None:
        """Nothing to note."""


def trainable_in(states: Path, epochs: int) -> Any:
    """A trainable that reports 20 numbers an epoch; it remembers its last epoch, as a checkpoint would."""

    def trainable(params: dict[str, Any]) -> None:
        from zlib import crc32

        from ray import tune

        state, top = states / params["trial_key"], crc32(params["trial_key"].encode()) / 2**32
        last = int(state.read_text()) if state.exists() else 0
        for epoch in range(last + 1, epochs + 1):
            state.write_text(str(epoch))
            numbers = {f"iou_class_{n}": top * n / NUM_METRICS for n in range(NUM_METRICS - 3)}
            tune.report({"epoch": epoch, "val_miou": top * (1 - 0.9**epoch), "val_miou_low": 0.9 * top, **numbers})

    return trainable


def main(arguments: list[str]) -> None:
    """Run the search and print what it cost."""
    scheduler: Any = arguments[0]
    out, (trials, epochs, first_rung) = Path(arguments[1]).absolute(), map(int, arguments[2:])
    settings = free_settings(out, trials, epochs, SLOTS, space="baseline", scheduler=scheduler, grace_period=first_rung)
    (out / "states").mkdir()
    journal, meter = Journal(settings.folder / "journal.jsonl"), Meter()
    progress = Progress(journal, settings.objective, trials, epochs)
    progress.rungs = tuple(milestones(epochs, first_rung, settings.reduction_factor))
    with open(os.devnull, "w") as nowhere, Terminal(progress, PlainLines(nowhere)) as terminal:
        tracker = Tracker(settings, journal, terminal.display.say)
        listeners = (terminal, tracker, meter)
        run(settings, load(settings.space), trainable_in(out / "states", epochs), journal, listeners)
    tracker.finish("FINISHED")
    journal.close()
    started = time.perf_counter()
    again = Journal(settings.folder / "journal.jsonl")
    opened = time.perf_counter() - started
    lines = sum(1 for _ in open(settings.folder / "journal.jsonl", "rb"))
    ended = sum(record.status is not None for record in again.trials.values())
    assert ended == len(again.trials) == trials, "not every trial ended"
    print(json.dumps({"rows": meter.rows, "lines": lines, "open_s": opened}), file=sys.__stdout__)


if __name__ == "__main__":
    main(sys.argv[1:])
