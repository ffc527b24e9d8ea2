"""Trials that are reported to a journal and a tracker without being trained."""

import pytest

from experiments.journal import Journal
from experiments.tracking.tracker import Tracker


def refuse(text: str) -> None:
    """A warning where none belongs."""
    pytest.fail(text)


def report(journal: Journal, tracker: Tracker, key: str, epochs: dict[int, float]) -> None:
    for epoch, value in epochs.items():
        metrics = {
            "val_miou": value,
            "val_loss": 1 - value,
            "epoch": epoch,
            "process_cpu_percent": 150.0,
            "iou_(x)": 0.5,
        }
        if journal.add_epoch(key, epoch, metrics):
            tracker.epoch_reported(journal.trials[key], epoch)
