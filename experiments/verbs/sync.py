"""The verb that brings a search into MLflow afterwards."""

from pathlib import Path
from typing import Annotated

import tyro

from trashseg_core.errors import BadInput


def sync(run: Annotated[Path, tyro.conf.Positional], /, tracking_uri: str | None = None) -> None:
    """Bring MLflow to what a run folder holds: what a server missed that was slow, full or gone. Safe to repeat.

    Example: python run_search.py sync runs/first

    Args:
        run: run folder, e.g. runs/first
        tracking_uri: another MLflow server or database than the one that the search was started with
    """
    from dataclasses import replace

    from experiments.manifest import read_own_manifest
    from experiments.secrets import redacted
    from experiments.tracking.mirror import bring_run_folder
    from trashseg_core.disk.locks import locked

    settings = read_own_manifest(run).settings
    if tracking_uri is not None:
        settings = replace(settings, tracking_uri=tracking_uri)
    if not (run / "journal.jsonl").is_file():
        raise BadInput(f"{run}: there is no journal, so no trial was started. Start the search again with `search`.")
    with locked(run / ".lock", wait=False):
        bring_run_folder(settings)
    print(f"MLflow at {redacted(settings.tracking)} has everything that {run} holds")
