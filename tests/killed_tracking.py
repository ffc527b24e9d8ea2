"""A search's driver as far as tracking sees it, as a process of its own that tests may kill.

python -m tests.killed_tracking OUT
"""

import sys
import time

from experiments.journal import Journal
from experiments.manifest import Manifest
from experiments.results import rank, result_of, write_results
from experiments.settings import SearchSettings
from experiments.tracking import tracker as tracker_module
from experiments.tracking.tracker import Tracker

TRIALS, EPOCHS = 3, 20


def main(out: str) -> None:
    """Report epoch after epoch of all trials, going on from the journal; say each one on stdout."""
    tracker_module.PASS_S = 0.01
    settings = SearchSettings("none", "quick", "killed", out=out, trials=TRIALS, epochs=EPOCHS)
    settings.folder.mkdir(exist_ok=True)
    Manifest(settings, "0", {}, {}).write(settings.folder)
    journal = Journal(settings.folder / "journal.jsonl")
    tracker = Tracker(settings, journal, lambda text: print(text, flush=True))
    while len(journal.trials) < TRIALS:
        tracker.trial_started(journal.add_trial({}, {}, {"lr": 0.1}))
    while not tracker._has_search:
        time.sleep(0.01)
    for epoch in range(1, EPOCHS + 1):
        for record in journal.trials.values():
            if journal.add_epoch(record.key, epoch, {"epoch": epoch, "val_miou": epoch / 100, "lr": 0.1}):
                tracker.epoch_reported(record, epoch)
                print(record.key, epoch, flush=True)
                time.sleep(0.02)
    for record in journal.trials.values():
        journal.end_trial(record.key, "finished")
        tracker.trial_ended(record)
    rows = [result_of(record, settings.objective, settings.folder) for record in journal.trials.values()]
    write_results(settings.folder / "results.json", rank(rows, settings.objective))
    print("all reported", flush=True)
    tracker.finish("FINISHED")


if __name__ == "__main__":
    main(sys.argv[1])
