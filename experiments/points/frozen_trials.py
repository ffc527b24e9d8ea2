"""Frozen trials: a trial's record in the form, and in the state, in which Optuna is to know it."""

import math
from typing import Any

import optuna
from optuna.distributions import json_to_distribution
from optuna.trial import FrozenTrial, TrialState

from experiments.journal import TrialRecord
from experiments.limits import Limits
from trashseg_core.errors import BadInput


def frozen_trial(
    record: TrialRecord, distributions: dict[str, Any], objective: str, second: str | None, limits: Limits
) -> FrozenTrial:
    """Turn a record into a trial for `Study.add_trial`.

    Args:
        distributions: of the record's params.
        second: metric to minimise beside the objective, if there is one.
        limits: told as constraints.

    Raises:
        BadInput: the params are not of these distributions.
    """
    state, values = outcome(record, objective, second)
    try:
        return optuna.trial.create_trial(
            state=state,
            values=values,
            params=record.params,
            distributions=distributions,
            system_attrs=dict(record.attributes),
            constraints=limits.excesses(record.first_metrics),
            intermediate_values={epoch: one[objective] for epoch, one in record.epochs.items() if objective in one},
        )
    except (ValueError, TypeError) as error:  # a choice that its distribution does not have
        raise BadInput(_damaged(record, error)) from None


def recorded_distributions(record: TrialRecord) -> dict[str, Any]:
    """What the params of a record were suggested from.

    Raises:
        BadInput: a text is no distribution.
    """
    try:
        return {name: json_to_distribution(text) for name, text in record.distributions.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(_damaged(record, error)) from None


def _damaged(record: TrialRecord, error: Exception) -> str:
    told = " ".join(str(error).split())[:200]
    return (
        f"journal.jsonl: params and distributions of trial {record.key} do not fit ({told}). Restore the file from a "
        "backup, or start a new search."
    )


def outcome(record: TrialRecord, objective: str, second: str | None) -> tuple[TrialState, list[float] | None]:
    """Optuna's state and final values of a trial. One without usable values is PRUNED, never a bad COMPLETE."""
    best = record.best(objective)
    found = [None if best is None else best[1], *([] if second is None else [record.typical(second)])]
    values = [value for value in found if value is not None and math.isfinite(value)]
    match record.status:
        case None:
            return TrialState.RUNNING, None
        case "failed" if not record.infeasible:
            return TrialState.FAIL, None
        case "finished" if len(values) == len(found):
            return TrialState.COMPLETE, values
        case _:
            return TrialState.PRUNED, None
