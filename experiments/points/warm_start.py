"""Warm start: trials of earlier searches that the sampler is told of. A copy in the run folder is what counts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from experiments.journal import JournalReader, TrialRecord
from experiments.limits import Limits
from experiments.manifest import Manifest, compatible, read_manifest
from experiments.points.known_points import Space, fit_point
from trashseg_core import __version__
from trashseg_core.config import TrialConfig
from trashseg_core.disk.files import read_json, write_json
from trashseg_core.errors import BadInput

SCHEMA = 1
FILE = "warm_start.json"


@dataclass
class WarmStart:
    """The content of `warm_start.json`."""

    trials: list[TrialRecord] = field(default_factory=list)
    """Their keys are NAME/t0003; their params are points of the new search's space."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a trial, or a whole search, is not used."""

    def write(self, folder: Path) -> None:
        """Write atomically."""
        write_json(folder / FILE, {"schema": SCHEMA, **asdict(self)})

    def sentences(self) -> list[str]:
        """What is used and what is not, equal reasons together."""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.left_out.items():
            reasons.setdefault(reason, []).append(name)
        lines = [f"warm start: {len(self.trials)} earlier trials enter the study"] if self.trials or reasons else []
        for reason, names in reasons.items():
            more = ", …" if len(names) > 5 else ""
            lines.append(f"warm start: left out {', '.join(names[:5])}{more} ({len(names)}): {reason}")
        return lines


def read_warm_start(folder: Path) -> list[TrialRecord]:
    """Earlier trials that a search was started with; none where it was started without.

    Raises:
        BadInput: the file is damaged or of another schema.
    """
    if not (folder / FILE).is_file():
        return []
    document = read_json(folder / FILE)
    try:
        if document["schema"] != SCHEMA:
            raise BadInput(f"{folder / FILE}: unknown schema. This version reads schema {SCHEMA}.")
        records = [TrialRecord(**row) for row in document["trials"]]
        for record in records:
            record.epochs = {int(epoch): metrics for epoch, metrics in record.epochs.items()}
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{folder / FILE}: damaged ({error}). Restore it from a backup.") from None
    return records


def collect(
    runs: tuple[str, ...],
    space: Space,
    pins: Mapping[str, Any],
    data: Mapping[str, str],
    objectives: tuple[str, ...],
    limits: Limits,
) -> WarmStart:
    """Gather the trials of earlier searches that may enter a study.

    A trial may where it was scored on the same photos and labels (the data hashes), reported what this search needs,
    and is a point of this space: every field that the space does not suggest has the same value as here, but for the
    seed and the epochs. A training of another length is ranked among those of its own length only (`searcher`).

    Args:
        runs: folders of the earlier searches.
        pins: values that are the same in all trials of the new search.
        data: content hash of its train and val split.
        objectives: metrics that a trial must have reported.
        limits: whose metrics are kept beside them.

    Raises:
        BadInput: a folder holds no search, or its state is damaged.
    """
    found = WarmStart()
    for run in dict.fromkeys(str(Path(run).absolute()) for run in runs):
        folder = Path(run)
        manifest = read_manifest(folder)
        reason = _foreign(manifest, data)
        if reason:
            found.left_out[folder.name] = reason
            continue
        for record in JournalReader(folder / "journal.jsonl").trials.values():
            name = f"{folder.name}/{record.key}"
            if any(one.key == name for one in found.trials):
                name = f"{folder.parent.name}/{name}"
            used = _fit(record, name, space, pins, objectives, limits)
            if isinstance(used, str):
                found.left_out[name] = used
            else:
                found.trials.append(used)
    return found


def _foreign(manifest: Manifest, data: Mapping[str, str]) -> str | None:
    """Why no trial of a search can be compared with those of this one, or None."""
    for split, key in data.items():
        if manifest.data.get(split) != key:
            return f"its {split} data are not the same, so its scores cannot be compared"
    if not compatible(manifest.version, __version__):
        return f"it was made by version {manifest.version}, this is {__version__}"
    return None


def _fit(
    record: TrialRecord,
    name: str,
    space: Space,
    pins: Mapping[str, Any],
    objectives: tuple[str, ...],
    limits: Limits,
) -> TrialRecord | str:
    """The trial as this study is to know it, or why it cannot. What was infeasible there is judged anew."""
    kept = {*objectives, *limits.bounds}
    epochs = {
        epoch: {metric: one[metric] for metric in one if metric in kept}
        for epoch, one in record.epochs.items()
        if all(metric in one for metric in objectives)
    }
    if not epochs and (record.status != "failed" or record.infeasible):
        return f"it reported no {' or '.join(objectives)}"
    try:
        config = TrialConfig.from_params(record.config).to_dict()
        params = fit_point(space, pins, config)
    except BadInput as error:
        return str(error).split(": with the other values")[0].rstrip(".")
    status = "stopped" if record.infeasible else record.status or "stopped"
    return TrialRecord(name, params, {}, {"epochs": config["epochs"]}, epochs, status, record.error)
