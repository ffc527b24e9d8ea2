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
SEARCH_RUN, ENSEMBLE_RUN, SUBMISSION_RUN, FOLD_RUN = "", "ensemble", "submission", "fold"
"""Stand in `TRIAL_TAG` where a trial has its key."""
FOLD_TAG, OF_TRIAL_TAG = "trashseg.fold", "trashseg.of_trial"
"""Of the run of a fold's model: which fold it never saw, and whose configuration it is."""
OUT_OF_FOLD = "out_of_fold_miou"
"""Metric of a trial's run: all labelled photos, each judged by the model that never saw its fold."""
DIGEST_LENGTH = 32
"""Letters of a file's digest that tell runs of one kind apart."""


def tracking_id(folder: Path) -> str:
    """Identity of the search in a run folder; made up where there is none yet."""
    path = folder / TRACKING_ID
    if not path.is_file():
        write_text(path, uuid.uuid4().hex + "\n")
    return path.read_text(encoding="ascii").strip()


def redacted(uri: str) -> str:
    """A URI without the password in it."""
    scheme, mark, rest = uri.partition("://")
    account, at, place = rest.rpartition("@")
    return f"{scheme}{mark}{account.split(':')[0]}:***@{place}" if at and ":" in account else uri


def without_password(text: str, uri: str) -> str:
    """A message in which neither a URI nor the password in it can be read."""
    account = uri.partition("://")[2].rpartition("@")[0]
    password = account.partition(":")[2]
    text = text.replace(uri, redacted(uri))
    return text.replace(password, "***") if password else text
