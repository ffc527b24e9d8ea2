"""RunFolder: what a search left behind, read without touching it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.drawing.figures import best_trial
from experiments.journal import JournalReader, TrialRecord
from experiments.results import TrialResult, rank, read_results
from trashseg_core.checkpoint import Confusions, read_confusions
from trashseg_core.confusion import bootstrap_miou
from trashseg_core.ensemble.bundle import DESCRIPTION, Ensemble, read_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.files import read_json

MAX_INTERVALS, MAX_CLASS_TRIALS = 30, 5
INTERVAL = (0.05, 0.95)


@dataclass(frozen=True)
class RunFolder:
    """What a run folder holds, as far as the report tells of it; only `results.json` must be there."""

    path: Path
    objective: str
    results: list[TrialResult]
    """Best first."""
    records: dict[str, TrialRecord]
    times: list[float]
    """Of the journal's entries, seconds since 1970."""
    ensemble: Ensemble | None
    manifest: dict[str, Any]
    intervals: dict[str, tuple[float, float]]
    """90 % bootstrap interval of val_miou, by trial id; of the best trials."""
    confusions: dict[str, Confusions]
    """Of the very best trials."""

    @property
    def settings(self) -> dict[str, Any]:
        """The search's settings, empty where there is no manifest."""
        settings = self.manifest.get("settings")
        return settings if isinstance(settings, dict) else {}

    @property
    def best(self) -> TrialResult | None:
        """The best trial that did not fail."""
        return best_trial(self.results, self.objective)


def read_run_folder(folder: Path, objective: str) -> RunFolder:
    """Read what the report needs from a run folder.

    Raises:
        BadInput: `results.json` is missing, or a file is damaged.
    """
    results = rank(read_results(folder / "results.json"), objective)
    journal = JournalReader(folder / "journal.jsonl")
    manifest = read_json(folder / "manifest.json") if (folder / "manifest.json").is_file() else {}
    intervals: dict[str, tuple[float, float]] = {}
    confusions: dict[str, Confusions] = {}
    for result in [one for one in results if one.checkpoint][:MAX_INTERVALS]:
        try:
            scored = read_confusions(folder / str(result.checkpoint))
        except BadInput:  # checkpoints may be deleted to save space; the report stands without them
            continue
        low, high = np.nanquantile(bootstrap_miou(scored.per_image), INTERVAL)
        intervals[result.trial_id] = (float(low), float(high))
        if len(confusions) < MAX_CLASS_TRIALS and result.status != "failed":
            confusions[result.trial_id] = scored
    return RunFolder(
        path=folder,
        objective=objective,
        results=results,
        records=journal.trials,
        times=journal.times,
        ensemble=read_ensemble(folder / "ensemble") if (folder / "ensemble" / DESCRIPTION).is_file() else None,
        manifest=manifest if isinstance(manifest, dict) else {},
        intervals=intervals,
        confusions=confusions,
    )
