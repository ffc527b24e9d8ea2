"""A search with models of folds that nobody trained."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from experiments.folds.fold_search import JOURNAL, RESULTS, fold_name, folds_folder, own_settings
from experiments.journal import Journal
from experiments.manifest import read_manifest
from experiments.results import checkpoint_name, rank, read_results, result_of, write_results
from experiments.settings import SearchSettings
from tests.made_run import NAMES, made_search
from trashseg_core.checkpoint import CONFIG, CONFUSIONS, WEIGHTS
from trashseg_core.config import TrialConfig
from trashseg_core.disk.files import write_json

SOURCES = ("t0000", "t0004")
"""Trials that ran through and have confusion matrices."""


def make_folds(folder: Path, folds: int = 3, open_epochs: int | None = None, size: int = 100) -> SearchSettings:
    """Write a search whose two best configurations with weights have models of all folds; return its settings.

    Args:
        open_epochs: epochs of the last model, which has no end then.
        size: bytes of the weights of each model, 100 or more.
    """
    made_search(folder, num_trials=6)
    manifest = read_manifest(folder)
    manifest.settings = settings = replace(manifest.settings, folds=folds, top_k=len(SOURCES))
    manifest.write(folder)
    results = {one.trial_id: one for one in read_results(folder / "results.json")}
    for source in SOURCES:
        write_model(folder / str(results[source].checkpoint), size)
    folds_folder(settings).mkdir()
    journal = Journal(folds_folder(settings) / JOURNAL)
    rng = np.random.default_rng(1)
    for source in SOURCES:
        for fold in range(1, folds):
            place = {"source": source, "fold": fold, "last_epoch": 9}
            record = journal.add_trial({}, {}, {**results[source].config, **place}, key=fold_name(source, fold))
            is_open = open_epochs is not None and (source, fold) == (SOURCES[-1], folds - 1)
            for epoch in range(1, (open_epochs if is_open and open_epochs is not None else 9) + 1):
                journal.add_epoch(record.key, epoch, {"val_miou": epoch / 20 + fold / 100, "epoch_s": 2.0})
            if is_open:
                continue
            journal.end_trial(record.key, "finished")
            path = folds_folder(settings) / checkpoint_name(record.key, 9)
            path.mkdir(parents=True)
            write_model(path, size)
            photos = 5 + fold
            per_image = rng.integers(1, 100, (photos, 3, 3)) + 200 * np.eye(3, dtype=np.int64)
            names = [f"{fold}_{photo}.jpg" for photo in range(photos)]
            np.savez(path / CONFUSIONS, per_image=per_image, file_names=names, class_names=NAMES)
    own = own_settings(settings, len(journal.trials))
    rows = [result_of(record, own.objective, own.folder) for record in journal.trials.values()]
    write_results(own.folder / RESULTS, rank(rows, own.objective))
    journal.close()
    return settings


def write_model(folder: Path, size: int) -> None:
    """Write weights of so many bytes, 100 or more, and a configuration: what can be read counts as a model."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size - 96], "data_offsets": [0, size - 96]}}).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", 88) + header.ljust(88) + b"w" * (size - 96))
    write_json(folder / CONFIG, TrialConfig().to_dict())
