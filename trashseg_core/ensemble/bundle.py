"""The ensemble folder: everything that predicts, on a machine that has only trashseg_core."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from trashseg_core.checkpoint import CONFIG, WEIGHTS, Confusions, read_config, read_network, write_confusions
from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput
from trashseg_core.files import atomic_folder, read_json, write_json
from trashseg_core.hardware import device
from trashseg_core.models import Network

SCHEMA = 1
DESCRIPTION = "ensemble.json"


@dataclass(frozen=True)
class Member:
    """One model of an ensemble."""

    trial_id: str
    weight: float
    image_size: int
    mean: list[float]
    """Per channel, in units of RGB / 255."""
    std: list[float]


@dataclass(frozen=True)
class Ensemble:
    """What `ensemble.json` says."""

    members: list[Member]
    """Their weights sum to 1."""
    class_names: list[str]
    """By label, the background first."""
    categories: dict[str, int]
    """Label of each category id (a text, as JSON keys are) of the annotation files."""
    val_miou: float
    """In-sample: on the photos that chose the members."""
    val_miou_crossfit: float
    """Held out: each half of val scored with the members that the other half chose."""
    steps: list[dict[str, Any]]
    """What each step of the selection added and reached."""
    provenance: dict[str, Any]
    """Search, trial ids, data hash, code version."""
    schema: int = SCHEMA


def write_ensemble(
    folder: Path, ensemble: Ensemble, checkpoints: dict[str, Path], confusions: Confusions | None = None
) -> None:
    """Write the ensemble folder atomically; an older one gives way.

    Args:
        checkpoints: checkpoint folder of each member, by trial id.
        confusions: what the ensemble scores on val, in-sample; None leaves the file out.
    """
    with atomic_folder(folder) as temporary:
        for member in ensemble.members:
            target = temporary / "members" / member.trial_id
            target.mkdir(parents=True)
            for name in (CONFIG, WEIGHTS):
                shutil.copyfile(checkpoints[member.trial_id] / name, target / name)
        if confusions is not None:
            write_confusions(temporary, confusions)
        write_json(temporary / DESCRIPTION, asdict(ensemble))


def read_ensemble(folder: Path) -> Ensemble:
    """Read and check `ensemble.json`.

    Raises:
        BadInput: the folder is not an ensemble, is damaged, or has a schema that this version does not know.
    """
    path = folder / DESCRIPTION
    document = read_json(path)
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise BadInput(f"{path}: schema {schema!r} is unknown to this version, which reads {SCHEMA}. Update trashseg.")
    try:
        members = [Member(**member) for member in document.pop("members")]
        ensemble = Ensemble(members, **document)
        total = sum(member.weight for member in members)
    except (TypeError, KeyError) as error:
        raise BadInput(f"{path}: damaged ({error}). Build it again with `ensemble`.") from None
    if not members or not abs(total - 1) <= 1e-6 or not all(member.weight > 0 for member in members):
        raise BadInput(f"{path}: the members' weights must be positive and sum to 1, but sum to {total:g}.")
    for member in members:
        if PurePosixPath(member.trial_id).name != member.trial_id or member.trial_id in ("", ".", ".."):
            raise BadInput(f"{path}: the trial id {member.trial_id!r} is not a plain name.")
    return ensemble


def load_members(folder: Path, ensemble: Ensemble) -> list[tuple[Network, TrialConfig, float]]:
    """Load the networks of an ensemble onto the device.

    Returns:
        (network, config, weight) of each member.

    Raises:
        BadInput: a member's files are missing or do not fit.
    """
    loaded = []
    for member in ensemble.members:
        path = folder / "members" / member.trial_id
        config = read_config(path)
        network = read_network(path, config, len(ensemble.class_names)).to(device()).eval()
        loaded.append((network, config, member.weight))
    return loaded
