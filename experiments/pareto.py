"""The Pareto front of a search with two objectives: `pareto.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.journal import TrialRecord
from experiments.policy.fronts import pareto_front
from experiments.results import TrialResult
from trashseg_core.disk.files import read_json, write_json

FILE = "pareto.json"


def write_front(
    folder: Path,
    results: list[TrialResult],
    records: Mapping[str, TrialRecord],
    objective: str,
    second: str,
) -> list[dict[str, Any]]:
    """Write the trials that no other one beats in both objectives, cheapest first, to `pareto.json`.

    Failed and infeasible trials are left out; of a trial's measurements of the second objective the median counts.

    Returns:
        Rows of `trial_id`, the two objectives, `status`, `best_epoch`, `checkpoint`, and `weights`, whether it still
        holds them; `train --from RUN --trial ID` trains the others again.
    """
    from experiments.checkpoints.trial_folder import has_weights  # loads torch, no need of readers

    usable = {one.trial_id: one for one in results if one.status != "failed" and one.checkpoint}
    points = {}
    for key, result in usable.items():
        value, cost = getattr(result, objective), records[key].typical(second)
        if value is not None and cost is not None:
            points[key] = (value, cost)
    front = [
        {
            "trial_id": key,
            objective: points[key][0],
            second: points[key][1],
            "status": usable[key].status,
            "best_epoch": usable[key].best_epoch,
            "checkpoint": usable[key].checkpoint,
            "weights": has_weights(folder / str(usable[key].checkpoint)),
        }
        for key in pareto_front(points)
    ]
    write_json(folder / FILE, {"objective": objective, "second_objective": second, "front": front})
    return front


def read_front(folder: Path) -> dict[str, Any] | None:
    """What `write_front` wrote, or None where the search had one objective."""
    path = folder / FILE
    return read_json(path) if path.is_file() else None


def front_sentence(folder: Path) -> str:
    """Lines for the summary at the end of a search; empty without a second objective."""
    document = read_front(folder)
    if document is None:
        return ""
    objective, second = document["objective"], document["second_objective"]
    told = [f"{row['trial_id']} {row[objective]:.4f} at {row[second]:.3g}" for row in document["front"]]
    return f"Pareto front {objective} at {second}: {', '.join(told) or 'no trial left a checkpoint'} ({FILE})\n"
