"""A run folder that looks like that of a finished search, made in a second: trials nobody trained, a real ensemble."""

from dataclasses import replace
from pathlib import Path

from experiments.manifest import read_manifest
from tests.made_run import made_search
from tests.test_ensemble import HALF, checkpoint
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.bundle import Ensemble, Member, write_ensemble


def small_run(place: Path, data: Path) -> Path:
    """Make the run folder `place/first` over a data folder; its ensemble predicts, its other files can be read."""
    run = made_search(place / "first", num_trials=4)
    manifest = read_manifest(run)
    manifest.settings = replace(manifest.settings, data=str(data), tracking_uri=f"sqlite:///{place / 'mlflow.db'}")
    manifest.write(run)
    folder = DataFolder(str(data))
    labels, names = folder.labels(folder.read("val"))
    categories = {str(category): label for category, label in labels.items()}
    ensemble = Ensemble([Member("t0000", 1.0, 64, HALF, HALF)], names, categories, 0.5, 0.4, [], {"search": "first"})
    member = checkpoint(place / "member", 0, num_classes=len(names))
    write_ensemble(run / "ensemble", ensemble, {"t0000": member})
    return run
