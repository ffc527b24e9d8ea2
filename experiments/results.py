"""TrialResult: one row of `results.json`. Reading, writing, ranking."""

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from experiments.journal import TrialRecord
from trashseg_core.disk.files import read_json, write_json
from trashseg_core.errors import BadInput
from trashseg_core.field_types import check_types

Status = Literal["finished", "stopped", "failed"]


class SearchFailed(RuntimeError):
    """Every trial failed, so that there is no result to go on with."""


@dataclass(frozen=True)
class TrialResult:
    """What one trial reached."""

    trial_id: str
    status: Status
    val_miou: float | None
    """At the best epoch of the objective; None where no epoch was reported."""
    val_miou_low: float | None
    best_epoch: int | None
    epochs_run: int
    config: dict[str, Any]
    checkpoint: str | None
    """Folder of the best epoch, relative to the run folder; None only for a failed trial that left none. Its weights
    may have given way to those of better trials (`keeper.with_weights`)."""
    seconds: float
    """Time of its epochs."""
    error: str | None


def checkpoint_name(key: str, epoch: int) -> str:
    """Folder of a trial's checkpoint, relative to the run folder."""
    return f"trials/{key}/epoch_{epoch:04d}"


def result_of(record: TrialRecord, objective: str, folder: Path) -> TrialResult:
    """Summarise a trial's record. One without an end was stopped by the budget or an interruption; before its first
    epoch that counts as failed."""
    best = record.best(objective)
    epoch = best[0] if best else None
    scored = [number for number in record.epochs if objective in record.epochs[number]]
    for number in sorted(scored, key=lambda one: (-record.epochs[one][objective], one)):
        if (folder / checkpoint_name(record.key, number)).is_dir():
            epoch = number  # the best may be missing: replaced by a better one that the budget kept from the record
            break
    checkpoint = checkpoint_name(record.key, epoch) if epoch is not None else None
    if checkpoint is not None and not (folder / checkpoint).is_dir():
        checkpoint = None
    metrics = record.epochs[epoch] if epoch is not None else {}
    status: Any = record.status or ("stopped" if best else "failed")
    return TrialResult(
        trial_id=record.key,
        status=status,
        val_miou=metrics.get("val_miou"),
        val_miou_low=metrics.get("val_miou_low"),
        best_epoch=epoch,
        epochs_run=max(record.epochs, default=0),
        config=record.config,
        checkpoint=checkpoint,
        seconds=round(sum(float(one.get("epoch_s", 0)) for one in record.epochs.values()), 3),
        error=record.error or (None if best else "ended before its first epoch"),
    )


def rank(results: list[TrialResult], objective: str) -> list[TrialResult]:
    """Sort best first by the objective; after these the failed trials, which are no answer; equals by id."""

    def order(result: TrialResult) -> tuple[bool, bool, float, str]:
        value = getattr(result, objective, None)
        return result.status == "failed", value is None, -(value or 0.0), result.trial_id

    return sorted(results, key=order)


def results_of(records: Iterable[TrialRecord], objective: str, folder: Path) -> list[TrialResult]:
    """What the records of a journal amount to, best first.

    Args:
        folder: the run folder, where the checkpoints lie.
    """
    return rank([result_of(record, objective, folder) for record in records], objective)


def write_results(path: Path, results: list[TrialResult]) -> None:
    """Write `results.json` atomically."""
    write_json(path, [asdict(result) for result in results])


def read_results(path: Path, run: Path | None = None) -> list[TrialResult]:
    """Read `results.json`.

    Args:
        run: the run folder to resume where that fails; by default the one that it lies in.

    Raises:
        BadInput: the file is missing, damaged or not a list of results.
    """
    remedy = f"`resume {run or path.parent}` writes it anew from the journal."
    rows = read_json(path, remedy)
    try:
        if not isinstance(rows, list):
            raise TypeError
        results = [TrialResult(**row) for row in rows]
        for result in results:
            check_types(result)
    except TypeError:
        raise BadInput(f"{path}: not a list of trial results. {remedy}") from None
    return results


def results_are(known: list[TrialResult], path: Path, say: Callable[[str], None]) -> bool:
    """Whether `results.json` holds what the journal knows; if not, that is said, and it has to be written anew."""
    try:
        if read_results(path) == known:
            return True
    except BadInput:
        pass
    say(f"{path}: was missing, damaged or another one. It is written anew from the journal.")
    return False


def candidates(results: list[TrialResult], top_k: int) -> list[TrialResult]:
    """The best trials that left a checkpoint; failed ones are left out.

    Raises:
        BadInput: no trial left one.
    """
    usable = [result for result in results if result.checkpoint and result.status != "failed"]
    if not usable:
        raise BadInput("No trial left a checkpoint, so there is nothing to build an ensemble from. Run a search first.")
    return usable[:top_k]


def best_trial(results: list[TrialResult], objective: str) -> TrialResult | None:
    """The trial with the highest objective that did not fail; the earlier one of equals."""
    scored = [one for one in in_order(results) if one.status != "failed" and is_number(getattr(one, objective))]
    return max(scored, key=lambda one: getattr(one, objective)) if scored else None


def in_order(results: list[TrialResult]) -> list[TrialResult]:
    """Sort in the order of proposal: t0009 before t0010, t9999 before t10000."""
    return sorted(results, key=lambda one: (len(one.trial_id), one.trial_id))


def varying(results: list[TrialResult]) -> list[str]:
    """Hyperparameters that differ between trials, in the order of the configs; being absent is a value too."""
    names = dict.fromkeys(name for result in results for name in result.config)
    return [name for name in names if len({repr(result.config.get(name)) for result in results}) > 1]


def is_number(value: Any) -> bool:
    """Whether a metric or a hyperparameter is a finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
