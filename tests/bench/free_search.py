"""Settings of searches whose trials compute nothing: only the driver costs."""

from pathlib import Path
from typing import Any

from experiments.settings import SearchSettings


def free_settings(out: Path, trials: int, epochs: int, slots: int, **more: Any) -> SearchSettings:
    """Make the run folder of a search on no data, whose slots share one CPU."""
    given = {"data": "none", "space": "quick", "name": "run", "out": str(out), "trials": trials, "epochs": epochs}
    settings = SearchSettings(**{**given, **more}, concurrent=slots, cpus_per_trial=1 / slots)
    settings.folder.mkdir(parents=True)
    return settings
