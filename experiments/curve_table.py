"""Curve tables: the learning curves of a search as one JSON file, on which search policies can be replayed."""

from pathlib import Path
from typing import Any

from experiments.journal import Journal
from trashseg_core.disk.files import write_json
from trashseg_core.errors import BadInput

SCHEMA = 1


def write_curve_table(run: Path, output: Path, objective: str = "val_miou", epochs: int | None = None) -> int:
    """Write the curves of a run folder for `python -m tests.bench search --tables`.

    The file holds `{schema, objective, epochs, trials: [{params, distributions, status, values}]}`; `values` are the
    objective of epoch 1, 2, …, and end where the trial ended.

    Args:
        run: a run folder, e.g. runs/first.
        epochs: length of a full training; by default the longest one there is.

    Returns:
        Number of trials written: those that reported an epoch, or failed before one.

    Raises:
        BadInput: there is no journal, or no trial in it reported the objective.
    """
    path = run / "journal.jsonl"
    if not path.is_file():
        raise BadInput(f"{run}: there is no search here ({path.name} is missing).")
    journal = Journal(path)
    journal.close()
    trials: list[dict[str, Any]] = []
    for record in journal.trials.values():
        values = [record.epochs[epoch].get(objective) for epoch in sorted(record.epochs)]
        if any(value is None for value in values) or not (values or record.status == "failed"):
            continue
        row = {"params": record.params, "distributions": record.distributions}
        trials.append({**row, "status": record.status, "values": values})
    longest = max((len(trial["values"]) for trial in trials), default=0)
    if not longest:
        raise BadInput(f"{path}: no trial reported `{objective}`.")
    table = {"schema": SCHEMA, "objective": objective, "epochs": max(longest, epochs or 0), "trials": trials}
    write_json(output, table)
    return len(trials)
