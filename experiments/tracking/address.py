"""Where MLflow keeps what it is told: which addresses are taken, and what they mean."""

import re
from pathlib import Path

from experiments.secrets import redacted
from trashseg_core.errors import BadInput

STORES = r"https?://[^/\s]\S*|sqlite:///[^\0]+|(postgresql|mysql|mssql)(\+\w+)?://\S+|databricks(-uc)?(://\S*)?"
"""Tracking URIs that MLflow knows; `sqlite://` alone would be gone with the process."""


def tracking_address(uri: str | None, out: Path) -> str:
    """Absolute MLflow tracking URI.

    Args:
        uri: as it was given; a database in `out` by default.

    Raises:
        BadInput: the file store, which MLflow no longer takes, or no address at all.
    """
    if uri is None:
        return f"sqlite:///{out.absolute() / 'mlflow.db'}"
    if not re.fullmatch(STORES, uri):
        raise BadInput(
            f"The value of `--tracking-uri` is {redacted(uri)!r}, but MLflow needs a database or server: sqlite:///F.db"
        )
    if uri.startswith("sqlite:///") and not uri.startswith("sqlite:////"):
        return f"sqlite:///{Path(uri.removeprefix('sqlite:///')).absolute()}"
    return uri
