"""The names by which a search finds its own runs in an MLflow store again."""

import re
import uuid
from pathlib import Path

from trashseg_core.disk.files import write_text
from trashseg_core.errors import BadInput

EXPERIMENT = "trashseg"
TRACKING_ID = "tracking_id"
"""File of the run folder that holds the identity of the search: it stays when the folder is moved or mounted elsewhere,
and two searches of the same path on two machines differ in it."""
SEARCH_TAG, FOLDER_TAG, TRIAL_TAG = "trashseg.search", "trashseg.run", "trashseg.trial"
HOST_TAG = "trashseg.host"
DIGEST_TAG, STATUS_TAG, REASON_TAG = "trashseg.digest", "trashseg.status", "trashseg.reason"
SEARCH_RUN, ENSEMBLE_RUN, SUBMISSION_RUN, FOLD_RUN = "", "ensemble", "submission", "fold"
"""Stand in `TRIAL_TAG` where a trial has its key."""
FOLD_TAG, OF_TRIAL_TAG = "trashseg.fold", "trashseg.of_trial"
"""Of the run of a fold's model: which fold it never saw, and whose configuration it is."""
OUT_OF_FOLD = "out_of_fold_miou"
"""Metric of a trial's run: all labelled photos, each judged by the model that never saw its fold."""
DIGEST_LENGTH = 32
"""Letters of a file's digest that tell runs of one kind apart."""


def tracking_id(folder: Path) -> str:
    """Identity of the search in a run folder; made up where there is none yet.

    Raises:
        BadInput: the file is damaged. Another identity would bring everything into MLflow a second time.
    """
    path = folder / TRACKING_ID
    if not path.exists():
        write_text(path, uuid.uuid4().hex + "\n")
    content = path.read_bytes()[:100] if path.is_file() else b""
    if not re.fullmatch(rb"[0-9a-f]{32}\s*", content):
        raise BadInput(f"{path}: damaged. Remove it: MLflow then gets this search once more, beside the one it has.")
    return content.decode("ascii").strip()
