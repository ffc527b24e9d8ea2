"""A search of 60 trials x 30 epochs that train nothing, with tracking, without it, or with a server that is gone.

    python -m tests.bench.tracked_search with|without|gone OUT

An epoch takes 0.1 s of sleep: reported at once, many would travel in one request, which those of a real search do not.
Every trial leaves the scores of 655 photos, so that there is something to draw. Prints one JSON line: seconds of wall
time and of CPU that the driver took, the wall seconds at the end in which it waited for the store, and the number of
requests that brought epochs.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from experiments.journal import Journal
from experiments.origin import DATA, FOLDER
from experiments.search import run
from experiments.settings import SearchSettings
from experiments.showing.plain_lines import PlainLines
from experiments.showing.progress import Progress
from experiments.stages import collect_results
from experiments.terminal import Terminal
from experiments.tracking import tracker as tracker_module
from experiments.tracking.mirror import try_to_bring
from experiments.tracking.tracked_run import TrackedRun
from experiments.tracking.tracker import Tracker
from search_spaces import load
from tests.bench.free_search import free_settings
from trashseg_core.disk.files import write_json

TRIALS, EPOCHS, SLOTS, NUM_METRICS, PHOTOS, CLASSES = 60, 30, 2, 20, 655, 11
SLEEP_S, PASS_S = 0.1, 0.02
GONE = "http://127.0.0.1:9"


def trainable_in(folder: Path) -> Any:
    """A trainable that reports 20 numbers an epoch and leaves confusion matrices at its end."""

    def trainable(params: dict[str, Any]) -> None:
        from zlib import crc32

        import numpy as np
        from ray import tune

        top = crc32(params["trial_key"].encode()) / 2**32
        for epoch in range(1, EPOCHS + 1):
            time.sleep(SLEEP_S)
            if epoch == EPOCHS:
                left = folder / "trials" / params["trial_key"] / f"epoch_{EPOCHS:04d}"
                left.mkdir(parents=True)
                counts = np.random.default_rng(0).integers(0, 500, (PHOTOS, CLASSES, CLASSES))
                classes = [f"class {number}" for number in range(CLASSES)]
                names = [f"{number}.jpg" for number in range(PHOTOS)]
                np.savez(left / "confusions.npz", per_image=counts, file_names=names, class_names=classes)
            numbers = {f"iou_class_{n}": top * n / NUM_METRICS for n in range(NUM_METRICS - 3)}
            tune.report({"epoch": epoch, "val_miou": top * (1 - 0.9**epoch), "val_miou_low": 0.9 * top, **numbers})

    return trainable


def write_data_report(settings: SearchSettings) -> None:
    """A data report as a real search leaves it."""
    split = {"file": "x.json", "photos": PHOTOS, "left_out": 0, "annotations": [9] * CLASSES}
    splits = {name: {**split, "hash": f"{number:016d}"} for number, name in enumerate(("train", "val", "test"))}
    names = [f"class {number}" for number in range(CLASSES)]
    (settings.folder / FOLDER).mkdir()
    write_json(settings.folder / FOLDER / DATA, {"path": "/data", "class_names": names, "splits": splits})


def counted_requests() -> list[int]:
    """Count the requests that bring epochs, from now on."""
    sizes: list[int] = []
    send = TrackedRun._send

    def counting(run: TrackedRun, metrics: list[Any]) -> None:
        sizes.extend([len(metrics)] if metrics else [])
        send(run, metrics)

    TrackedRun._send = counting  # type: ignore[method-assign]
    return sizes


def main(arguments: list[str]) -> None:
    """Run the search and print what it cost."""
    tracker_module.PASS_S, requests = PASS_S, counted_requests()
    kind, out = arguments[0], Path(arguments[1]).absolute()
    given: dict[str, Any] = {"tracking_uri": GONE} if kind == "gone" else {}
    settings = free_settings(out, TRIALS, EPOCHS, SLOTS, space="baseline", grace_period=EPOCHS, **given)
    write_data_report(settings)
    journal = Journal(settings.folder / "journal.jsonl")
    started, progress = time.perf_counter(), Progress(journal, settings.objective, TRIALS, EPOCHS)
    with open(os.devnull, "w") as nowhere, Terminal(progress, PlainLines(nowhere)) as terminal:
        tracker = None if kind == "without" else Tracker(settings, journal, terminal.display.say)
        listeners = (terminal,) if tracker is None else (terminal, tracker)
        run(settings, load(settings.space), trainable_in(settings.folder), journal, listeners)
        ran = time.perf_counter()
        collect_results(journal, settings)
        waited = time.perf_counter()
        if tracker is not None:
            tracker.finish("FINISHED")
            try_to_bring(settings, terminal.display.say)
    ended = time.perf_counter()
    assert sum(len(record.epochs) for record in journal.trials.values()) == TRIALS * EPOCHS
    line: dict[str, float] = {"search_s": ran - started, "cpu_s": time.process_time(), "wait_s": ended - waited}
    line["requests"] = len(requests)
    print(json.dumps(line), file=sys.__stdout__)


if __name__ == "__main__":
    main(sys.argv[1:])
