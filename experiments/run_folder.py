"""RunFolder: what a search left behind, read without touching it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments.journal import JournalReader, TrialRecord
from experiments.manifest import read_manifest
from experiments.policy.rungs import milestones
from experiments.policy.standing import standings
from experiments.results import TrialResult, best_trial, rank, read_results
from experiments.settings import SearchSettings
from experiments.whole_journal import read_whole_journal
from trashseg_core.bootstrap import miou_interval
from trashseg_core.checkpoint import Confusions, read_confusions
from trashseg_core.disk.files import read_json
from trashseg_core.ensemble.bundle import DESCRIPTION, HELD_OUT, Ensemble, read_ensemble
from trashseg_core.errors import BadInput

MAX_INTERVALS, MAX_CLASS_TRIALS = 30, 5


@dataclass(frozen=True)
class RunFolder:
    """What a run folder holds, as far as the report tells of it; only `results.json` must be there."""

    path: Path
    objective: str
    results: list[TrialResult]
    """Best first."""
    records: dict[str, TrialRecord]
    ensemble: Ensemble | None
    manifest: dict[str, Any]
    search: SearchSettings | None
    """The settings, where the manifest can be read by this version."""
    intervals: dict[str, tuple[float, float]]
    """90 % bootstrap interval of val_miou, by trial id; of the best trials."""
    confusions: dict[str, Confusions]
    """Of the very best trials."""
    held_out: Confusions | None = None
    """Of the ensemble; with folds, on the photos of train and val."""

    @property
    def settings(self) -> dict[str, Any]:
        """The search's settings, empty where there is no manifest."""
        settings = self.manifest.get("settings")
        return settings if isinstance(settings, dict) else {}

    @property
    def rungs(self) -> list[int]:
        """Epochs after which a trial could be stopped, ascending; empty where that is not known."""
        if self.search is None:
            return []
        return milestones(self.search.epochs, self.search.first_rung, self.search.reduction_factor)

    @cached_property
    def standing(self) -> dict[str, float]:
        """Share of the other trials that each one beats at the same age, by trial id; failed ones have none."""
        return standings(list(self.records.values()), self.objective)

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
    is_there = (folder / "journal.jsonl").exists()  # without it, results.json alone is told of
    journal = read_whole_journal(folder) if is_there else JournalReader(folder / "journal.jsonl")
    manifest = read_json(folder / "manifest.json") if (folder / "manifest.json").is_file() else {}
    intervals: dict[str, tuple[float, float]] = {}
    confusions: dict[str, Confusions] = {}
    for result in [one for one in results if one.checkpoint][:MAX_INTERVALS]:
        try:
            scored = read_confusions(folder / str(result.checkpoint))
        except BadInput:  # checkpoints may be deleted to save space; the report stands without them
            continue
        intervals[result.trial_id] = miou_interval(scored.per_image)
        if len(confusions) < MAX_CLASS_TRIALS and result.status != "failed":
            confusions[result.trial_id] = scored
    return RunFolder(
        path=folder,
        objective=objective,
        results=results,
        records=journal.trials,
        ensemble=read_ensemble(folder / "ensemble") if (folder / "ensemble" / DESCRIPTION).is_file() else None,
        manifest=manifest if isinstance(manifest, dict) else {},
        search=_search_settings(folder),
        intervals=intervals,
        confusions=confusions,
        held_out=_held_out(folder),
    )


def _held_out(folder: Path) -> Confusions | None:
    try:
        return read_confusions(folder / "ensemble" / HELD_OUT)
    except BadInput:  # there is no ensemble, or one of an older version
        return None


def _search_settings(folder: Path) -> SearchSettings | None:
    try:
        return read_manifest(folder).settings
    except BadInput:
        return None
