"""The section of a report that holds the commands that go on from here."""

import shlex

from experiments.drawing.page import Raw, joined, table, tag
from experiments.run_folder import RunFolder

PLACES = {
    "ensemble": "the ensemble: predicts on a machine that has only trashseg_core",
    "submission.csv": "the submission",
    "results.json": "one row per trial",
    "journal.jsonl": "every epoch of every trial",
    "trials": "checkpoints",
    "overlays": "the pictures above, larger",
}


def next_section(run: RunFolder) -> dict[str, Raw]:
    """The commands with this folder's paths filled in, and what lies where in it."""
    place, program = shlex.quote(str(run.path.absolute())), "python run_search.py"
    lines = []
    if run.ensemble is not None:
        if not (run.path / "submission.csv").is_file():
            lines += ["# the submission for test.json", f"{program} submit {place}", ""]
        lines += ["# label maps of other photos", f"{program} predict {place}/ensemble IMAGES --out LABELS", ""]
    elif run.best is not None:
        lines += ["# the best trials together", f"{program} ensemble {place}", ""]
    if run.best is not None:
        data = shlex.quote(str(run.settings.get("data", "DATA")))
        again = f"{program} train --data {data} --from {place} --trial {run.best.trial_id}"
        lines += ["# the best trial once more", again, ""]
    lines += ["# all trials side by side in MLflow", f"{program} ui {place}", ""]
    lines += ["# a study for optuna-dashboard", f"{program} export-study {place}", ""]
    lines += ["# go on, where the search was interrupted", f"{program} resume {place}"]
    there = [[name, meaning] for name, meaning in PLACES.items() if (run.path / name).exists()]
    files = table([str(run.path.absolute()), ""], there)
    return {"What to do next": joined(tag("pre", "\n".join(lines)), tag("h3", "Where things are"), files)}
