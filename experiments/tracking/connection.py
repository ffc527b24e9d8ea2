"""The connection to an MLflow server or database: how it is opened, how long it may take, how its failures read."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.secrets import without_secrets

if TYPE_CHECKING:
    from mlflow import MlflowClient

REQUEST_TIMEOUT_S, REQUEST_RETRIES = 15, 1
"""Where the user has set none: MLflow's own would wait a quarter of an hour for a server that is gone."""
FILE_TIMEOUT_S = 120


def connect(uri: str) -> "MlflowClient":
    """Open a tracking store, creating a SQLite one. Only the driver calls this: several at once leave it unusable."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(REQUEST_TIMEOUT_S))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", str(REQUEST_RETRIES))
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # what it fails with is said once, by `reason_of`
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=uri)


@contextmanager
def patient_requests() -> Iterator[None]:
    """Within it a request may take longer, for large files; unless the user has set a limit."""
    name = "MLFLOW_HTTP_REQUEST_TIMEOUT"
    is_own = os.environ.get(name) == str(REQUEST_TIMEOUT_S)
    try:
        if is_own:
            os.environ[name] = str(FILE_TIMEOUT_S)
        yield
    finally:
        if is_own:
            os.environ[name] = str(REQUEST_TIMEOUT_S)


def reason_of(error: Exception, uri: str) -> str:
    """First line of what a store raised, without the password; of SQLAlchemy's, what the database said."""
    lines = without_secrets(str(error), uri).strip().splitlines()
    telling = [line for line in lines if line.strip() and not line.startswith("(raised as a result of")]
    return (telling or [type(error).__name__])[0][:200]


def is_damaged(reason: str) -> bool:
    """Whether a store failed because its SQLite file is broken: waiting does not help then."""
    return any(words in reason for words in ("file is not a database", "disk image is malformed", "file is encrypted"))
