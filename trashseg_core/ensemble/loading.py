"""Loading an ensemble: the networks of its members, ready to predict."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trashseg_core.checkpoint import CONFIG, WEIGHTS, read_config, read_network
from trashseg_core.config import TrialConfig
from trashseg_core.ensemble.bundle import Ensemble, read_ensemble
from trashseg_core.ensemble.checksums import REMEDY, check_files
from trashseg_core.ensemble.foreign import MAX_JSON_BYTES, file_inside
from trashseg_core.errors import BadInput
from trashseg_core.hardware import device
from trashseg_core.inference.crf_settings import CrfSettings
from trashseg_core.inference.decision import Decision
from trashseg_core.models import Network
from trashseg_core.weights_file import check_shapes


class LoadedMember(NamedTuple):
    """A member that is ready to predict."""

    network: Network
    config: TrialConfig
    tta: str = "none"


@dataclass(frozen=True)
class LoadedEnsemble:
    """An ensemble that is ready to predict."""

    members: list[LoadedMember]
    decision: Decision


def load_ensemble(folder: Path, ensemble: Ensemble) -> LoadedEnsemble:
    """Load the networks of an ensemble onto the device.

    Raises:
        BadInput: a member's files are missing, damaged or do not fit, or the folder was replaced meanwhile.
    """
    num_classes, configs = len(ensemble.class_names), []
    for member in ensemble.members:
        for name, most_bytes in ((CONFIG, MAX_JSON_BYTES), (WEIGHTS, None)):
            file_inside(folder, "members", member.trial_id, name, most_bytes=most_bytes)
        try:
            configs.append(read_config(folder / "members" / member.trial_id))
            check_shapes(folder / "members" / member.trial_id / WEIGHTS, configs[-1], num_classes)
        except BadInput as error:
            raise BadInput(f"{error} {REMEDY}") from None
    check_files(folder)
    members = []
    for member, config in zip(ensemble.members, configs, strict=True):
        network = read_network(folder / "members" / member.trial_id, config, num_classes).to(device()).eval()
        members.append(LoadedMember(network, config, member.tta))
    if read_ensemble(folder).provenance != ensemble.provenance:
        raise BadInput(f"{folder} was built anew while it was read. Try again.")
    weights, offsets = ensemble.member_weights(), ensemble.offsets()
    crf = None if ensemble.crf is None else CrfSettings(**ensemble.crf)
    return LoadedEnsemble(members, Decision(weights.astype(np.float32), offsets.astype(np.float32), crf))
