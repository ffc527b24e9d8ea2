"""A submission's run: the CSV, what the validator says of it, and the way back to the trials."""

import json
from pathlib import Path

from experiments.submissions import Submission, read_submissions
from experiments.tracking.ensemble_run import MEMBER_TAG
from experiments.tracking.fold_run import known_model
from experiments.tracking.identity import DIGEST_LENGTH, ENSEMBLE_RUN, SEARCH_RUN, SUBMISSION_RUN
from experiments.tracking.store import Store
from trashseg_core.disk.files import file_digest

ENSEMBLE_TAG, MEMBERS_TAG = "trashseg.ensemble_run", "trashseg.member_runs"


def bring_submissions(store: Store) -> None:
    """Bring every submission that the run folder noted: one run for each CSV of each ensemble."""
    for submission in read_submissions(store.settings.folder):
        _bring(store, submission)


def _bring(store: Store, submission: Submission) -> None:
    parent = store.known(SEARCH_RUN)
    assert parent is not None, "bring the search first"
    digest = f"{submission.digest[:DIGEST_LENGTH]}-{submission.ensemble[:DIGEST_LENGTH]}"
    run = store.run(SUBMISSION_RUN, digest, tags={"mlflow.parentRunId": parent.id}, started=submission.created)
    if run.status == "FINISHED":
        return
    run.log_tags(_way_back(store, submission))
    run.log_tags({"trashseg.csv": submission.path, "trashseg.verdict": submission.verdict})
    run.log_params({"test_file": submission.test_file, "rows": submission.rows, "data_hash": submission.data})
    run.log_metrics({"rows": submission.rows, "faults": len(submission.faults)}, submission.created)
    path = Path(submission.path)
    if path.is_file() and file_digest(path) == submission.digest:
        run.attach("csv", {path.name: path})
    else:
        run.log_tags({"trashseg.csv_missing": "the file is gone or was written over before it could be brought"})
    run.end("FAILED" if submission.faults else "FINISHED", submission.created)


def _way_back(store: Store, submission: Submission) -> dict[str, str]:
    """Tags that lead from the CSV to its ensemble, to the trials in it and to the search."""
    tags = {"trashseg.ensemble_digest": submission.ensemble}
    lines = [f"`{submission.path}`: {submission.verdict}."]
    parent = store.known(SEARCH_RUN)
    ensemble = store.known(ENSEMBLE_RUN, submission.ensemble[:DIGEST_LENGTH])
    if ensemble is not None:
        members = {
            name.removeprefix(f"{MEMBER_TAG}."): run_id
            for name, run_id in ensemble.tags.items()
            if name.startswith(f"{MEMBER_TAG}.")
        }
        tags |= {ENSEMBLE_TAG: ensemble.id, MEMBERS_TAG: json.dumps(members)}
        lines.append(f"From the [ensemble]({store.address(ensemble)}) of:")
        trials = {key: known_model(store, key) for key in members}
        lines += [f"- [{key}]({store.address(run)})" for key, run in trials.items() if run is not None]
    if parent is not None:
        lines.append(f"\nIn the search [{store.settings.name}]({store.address(parent)}).")
    return {**tags, "mlflow.note.content": "\n".join(lines)}
