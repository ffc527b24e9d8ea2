"""A trial's run: its configuration, every epoch, how it ended and where its checkpoint is."""

import html
from typing import Any

from experiments.journal import TrialRecord
from experiments.policy.rungs import milestones
from experiments.results import result_of
from experiments.settings import SearchSettings
from experiments.tracking.data_inputs import data_inputs
from experiments.tracking.identity import REASON_TAG, SEARCH_RUN, STATUS_TAG
from experiments.tracking.store import Store
from experiments.tracking.tracked_run import TrackedRun
from experiments.trial_usage import USAGE
from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput

RUNG_TAG, CHECKPOINT_TAG = "trashseg.rung", "trashseg.checkpoint"
_MLFLOW_STATUS = {"finished": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}


def bring_trial(store: Store, record: TrialRecord, has_search_ended: bool = False) -> None:
    """Bring a trial's run to what the journal holds; what is there already costs no request.

    Args:
        has_search_ended: a trial without an end is not going on.
    """
    settings, parent = store.settings, store.known(SEARCH_RUN)
    assert parent is not None, "bring the search first"
    tags = {"mlflow.parentRunId": parent.id, "mlflow.note.content": _note(record, settings)}
    run = store.run(record.key, tags=tags, started=record.moments.proposed)
    run.log_params(resolved(record.config))
    run.log_inputs(data_inputs(settings.folder))
    bring_course(run, record, settings, has_search_ended)


def bring_course(run: TrackedRun, record: TrialRecord, settings: SearchSettings, has_search_ended: bool) -> None:
    """Bring what a model reached in each epoch, and how it ended.

    Args:
        settings: of the search that trained it.
    """
    run.log_epochs(_metrics(record, settings.objective), record.moments.reported)
    if record.status is None and not has_search_ended:
        run.log_tags({STATUS_TAG: "running"} | ({REASON_TAG: ""} if REASON_TAG in run.tags else {}))
        run.set_running()
        return
    run.log_tags(ending_tags(record, settings))
    run.end(_MLFLOW_STATUS.get(record.status or "", "KILLED"), record.moments.last)


def resolved(config: dict[str, Any]) -> dict[str, Any]:
    """All fields of a trial's configuration; of one that no training accepts, what was given."""
    try:
        return TrialConfig.from_params(config).to_dict()
    except BadInput:
        return config


def _metrics(record: TrialRecord, objective: str) -> dict[int, dict[str, float]]:
    """Metrics by epoch, with the best so far; what the process used goes where the UI shows system metrics."""
    rows, best = {}, float("-inf")
    for epoch, metrics in sorted(dict(record.epochs).items()):
        row = {USAGE.get(name, name): float(value) for name, value in metrics.items()}
        best = max(best, metrics.get(objective, best))
        rows[epoch] = row | ({f"best_{objective}": best} if objective in metrics else {})
    return rows


def ending_tags(record: TrialRecord, settings: SearchSettings) -> dict[str, str]:
    """How a trial ended and why, the rung at which it stopped, and its best checkpoint."""
    result = result_of(record, settings.objective, settings.folder)
    tags = {STATUS_TAG: result.status, REASON_TAG: _reason(record, settings)}
    rung = _rung(record, settings)
    if result.status == "stopped" and rung is not None:
        tags[RUNG_TAG] = str(rung)
    if result.checkpoint is not None:
        tags[CHECKPOINT_TAG] = str(settings.folder / result.checkpoint)
    return tags


def _rung(record: TrialRecord, settings: SearchSettings) -> int | None:
    """The last rung that a trial reached, as its epoch."""
    rungs = milestones(settings.epochs, settings.first_rung, settings.reduction_factor)
    return max((rung for rung in rungs if rung <= max(record.epochs, default=0)), default=None)


def _reason(record: TrialRecord, settings: SearchSettings) -> str:
    reached = max(record.epochs, default=0)
    if record.error:
        return record.error
    if record.status is None:
        return f"the search ended after its epoch {reached}: interrupted, or out of time. `resume` goes on"
    if record.status == "finished":
        return f"trained to its last epoch, {reached}"
    if reached == _rung(record, settings):
        return f"stopped at the rung of epoch {reached} of {settings.epochs}: others were better there"
    return f"stopped after epoch {reached} of {settings.epochs}"


def _note(record: TrialRecord, settings: SearchSettings) -> str:
    """What a person reads on the run's page."""
    values = {name: html.escape(str(value), quote=False).replace("|", "/") for name, value in record.params.items()}
    rows = [f"| `{name}` | {value} |" for name, value in values.items()]
    proposed = "\n".join(["| proposed | value |", "| --- | --- |", *rows]) if rows else "Nothing was proposed."
    again = f"python run_search.py train --from {settings.folder} --trial {record.key}"
    return f"{proposed}\n\nTrain it again: `{again}`"
