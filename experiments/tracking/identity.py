"""The names by which a search finds its own runs in an MLflow store again."""

import uuid
from pathlib import Path

from trashseg_core.files import write_text

EXPERIMENT = "trashseg"
TRACKING_ID = "tracking_id"
"""File of the run folder that holds the identity of the search: it stays when the folder is moved or mounted elsewhere,
and two searches of the same path on two machines differ in it."""
SEARCH_TAG, FOLDER_TAG, TRIAL_TAG = "trashseg.search", "trashseg.run", "trashseg.trial"
HOST_TAG = "trashseg.host"
DIGEST_TAG, STATUS_TAG, REASON_TAG = "trashseg.digest", "trashseg.status", "trashseg.reason"
SEARCH_RUN, ENSEMBLE_RUN, SUBMISSION_RUN = "", "ensemble", "submission"
"""Stand in `TRIAL_TAG` where a trial has its key."""
DIGEST_LENGTH = 32
"""Letters of a file's digest that tell runs of one kind apart."""


def tracking_id(folder: Path) -> str:
    """Identity of the search in a run folder; made up where there is none yet."""
    path = folder / TRACKING_ID
    if not path.is_file():
        write_text(path, uuid.uuid4().hex + "\n")
    return path.read_text(encoding="ascii").strip()
