"""The ensemble folder: everything that predicts, on a machine that has only trashseg_core."""

import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from trashseg_core.checkpoint import CONFIG, WEIGHTS, Confusions, write_confusions
from trashseg_core.choices import TTA_SETS
from trashseg_core.data.names import name_fault
from trashseg_core.disk.files import atomic_folder, read_json, write_json
from trashseg_core.ensemble.checksums import REMEDY, write_checksums
from trashseg_core.ensemble.foreign import (
    MAX_JSON_BYTES,
    MAX_MEMBERS,
    classes_fault,
    file_inside,
    size_fault,
)
from trashseg_core.errors import BadInput
from trashseg_core.field_types import check_types
from trashseg_core.inference.crf_settings import CrfSettings

SCHEMA = 3
READABLE = (1, 2, SCHEMA)
"""Schema 1 knew neither class weights, offsets, TTA, CRF nor evidence, schema 2 no folds: their defaults change
nothing."""
MAX_OFFSET = 80
"""Of a class: exp of more than 88 is no float32."""
DESCRIPTION, HELD_OUT = "ensemble.json", "held_out"


@dataclass(frozen=True)
class Member:
    """One model of an ensemble."""

    trial_id: str
    weight: float
    """Share in the mean; with `class_weights`, its share averaged over the classes."""
    image_size: int
    mean: list[float]
    """Per channel, in units of RGB / 255."""
    std: list[float]
    tta: str = "none"
    """Name of the set of views that are averaged (`choices.TTA_SETS`)."""
    class_weights: list[float] = field(default_factory=list)
    """Share in the mean of each class, C numbers; empty: `weight` for every class."""
    fold: int = 0
    """Fold of the labelled photos that it was not trained on; 0 is val."""


@dataclass(frozen=True)
class Ensemble:
    """What `ensemble.json` says.

    The label of a pixel is argmax over c of log(sum over members m of w[m, c] p[m, c]) + offset[c]. With a CRF the
    probabilities in proportion to exp of that, renormalised, pass through `dense_crf` before the argmax.
    """

    members: list[Member]
    """Their weights sum to 1."""
    class_names: list[str]
    """By label, the background first."""
    categories: dict[str, int]
    """Label of each category id (a text, as JSON keys are) of the annotation files."""
    val_miou: float
    """In-sample: on the photos that chose the members."""
    val_miou_crossfit: float
    """Held out: each fold of val scored with what the other folds chose."""
    steps: list[dict[str, Any]]
    """What each step of the greedy selection added and reached."""
    provenance: dict[str, Any]
    """Search, trial ids, data hash, code version."""
    class_offsets: list[float] = field(default_factory=list)
    """Added to the log of the mean probability of each class, C numbers; empty: zeros."""
    crf: dict[str, Any] | None = None
    """Fields of `CrfSettings`; None: no CRF."""
    val_interval: list[float] = field(default_factory=list)
    """90 % bootstrap interval [low, high] of `val_miou_crossfit`; empty where it was not computed."""
    evidence: list[dict[str, Any]] = field(default_factory=list)
    """What was tried in turn: name, val_miou, held_out, standard error, cost, whether it was kept, why."""
    test_interval: list[float] = field(default_factory=list)
    """90 % interval of the mIoU on `provenance["test_photos"]` other photos, which have luck of their own; or empty."""
    schema: int = SCHEMA

    def member_weights(self) -> np.ndarray:
        """Share of each member in the mean of each class, float64 (K, C); every column sums to 1."""
        num_classes = len(self.class_names)
        return np.array([member.class_weights or [member.weight] * num_classes for member in self.members])

    def offsets(self) -> np.ndarray:
        """Numbers added to the log of the mean probability, float64 (C,)."""
        return np.array(self.class_offsets or [0.0] * len(self.class_names))


def held_out_from_val(ensemble: Ensemble) -> Ensemble:
    """The members that val was held out of, with the weight of those of other folds: what val may be looked at with."""
    own = [member for member in ensemble.members if member.fold == 0]
    if len(own) == len(ensemble.members):
        return ensemble
    total = sum(member.weight for member in own)
    shares = [(member.weight / total, [weight / total for weight in member.class_weights]) for member in own]
    members = [replace(one, weight=weight, class_weights=rest) for one, (weight, rest) in zip(own, shares, strict=True)]
    return replace(ensemble, members=members)


def write_ensemble(
    folder: Path,
    ensemble: Ensemble,
    checkpoints: dict[str, Path],
    confusions: Confusions | None = None,
    held_out: Confusions | None = None,
) -> None:
    """Write the ensemble folder atomically; an older one gives way.

    Args:
        checkpoints: checkpoint folder of each member, by trial id.
        confusions: what the ensemble scores on val, in-sample; None leaves the file out.
        held_out: likewise, each photo scored with what the other folds chose; in a folder of its own.
    """
    with atomic_folder(folder) as temporary:
        for member in ensemble.members:
            target = temporary / "members" / member.trial_id
            target.mkdir(parents=True)
            for name in (CONFIG, WEIGHTS):
                shutil.copyfile(checkpoints[member.trial_id] / name, target / name)
        if confusions is not None:
            write_confusions(temporary, confusions)
        if held_out is not None:
            (temporary / HELD_OUT).mkdir()
            write_confusions(temporary / HELD_OUT, held_out)
        write_checksums(temporary)
        write_json(temporary / DESCRIPTION, asdict(ensemble))


def read_ensemble(folder: Path) -> Ensemble:
    """Read and check `ensemble.json`.

    Raises:
        BadInput: the folder is not an ensemble, is damaged, or has a schema that this version does not know.
    """
    path = file_inside(folder, DESCRIPTION, most_bytes=MAX_JSON_BYTES)
    document = read_json(path, REMEDY)
    schema = document.pop("schema", None) if isinstance(document, dict) else None
    if schema not in READABLE:
        known = ", ".join(map(str, READABLE))
        given = repr(schema)[:40]
        raise BadInput(f"{path}: schema {given} is unknown to this version, which reads {known}. Update trashseg.")
    try:
        members = [Member(**member) for member in document.pop("members")]
        ensemble = Ensemble(members, **document)
        for one in (ensemble, *members):
            check_types(one)
        fault = _fault(ensemble)
        CrfSettings(**(ensemble.crf or {}))
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise BadInput(f"{path}: damaged ({str(error)[:200]}). Build it again with `ensemble`.") from None
    if fault:
        raise BadInput(f"{path}: {fault}")
    return ensemble


def _fault(ensemble: Ensemble) -> str | None:
    """What makes an ensemble unusable, or None."""
    members, num_classes = ensemble.members, len(ensemble.class_names)
    if len(members) > MAX_MEMBERS:
        return f"it has {len(members):,} members, but may have {MAX_MEMBERS:,}."
    if fault := classes_fault(ensemble.class_names):
        return fault
    total = sum(member.weight for member in members)
    if not members or not abs(total - 1) <= 1e-6 or not all(member.weight > 0 for member in members):
        return f"the members' weights must be positive and sum to 1, but sum to {total:g}."
    for member in members:
        if PurePosixPath(member.trial_id).name != member.trial_id or member.trial_id in ("", ".", ".."):
            return f"the trial id {member.trial_id[:80]!r} is not a plain name."
        if fault := name_fault(member.trial_id):
            return f"a trial id {fault}."
        if fault := size_fault(member.trial_id, member.image_size):
            return fault
        if member.tta not in TTA_SETS:
            return f"the TTA of {member.trial_id} is {member.tta!r}, but must be one of {', '.join(TTA_SETS)}."
        if len(member.class_weights) not in (0, num_classes):
            count = len(member.class_weights)
            return f"{member.trial_id} has {count} class weights for {num_classes} classes. Build it again."
    weights, offsets = ensemble.member_weights(), ensemble.offsets()
    if not (weights >= 0).all() or not np.allclose(weights.sum(axis=0), 1, rtol=0, atol=1e-6):
        return "the members' class weights must be at least 0 and sum to 1 in each class."
    if len(offsets) != num_classes or not (np.abs(offsets) <= MAX_OFFSET).all():
        allowed = f"{num_classes} finite numbers, one for each class, from -{MAX_OFFSET} to {MAX_OFFSET}"
        return f"`class_offsets` must be {allowed}, but are {str(ensemble.class_offsets)[:80]}."
    for name in ("val_interval", "test_interval"):
        if len(span := getattr(ensemble, name)) not in (0, 2):
            return f"`{name}` must be a low and a high number, but has {len(span)}. Build it again."
    return None
