"""The section of a report that holds what the search was started with."""

from typing import Any

from experiments.drawing.page import Content, Raw, details, joined, json_block, table, tag
from experiments.run_folder import RunFolder


def settings_section(run: RunFolder) -> dict[str, Raw]:
    """Everything that the search was started with, folded."""
    blocks = []
    if run.settings:
        rows: list[list[Content]] = [[name, _plain(value)] for name, value in run.settings.items()]
        blocks.append(details("All settings of the search", table(["setting", "value"], rows, wrap=1)))
    if run.best is not None:
        rows = [[name, _plain(value)] for name, value in run.best.config.items()]
        title = f"Configuration of {run.best.trial_id}"
        blocks.append(details(title, table(["hyperparameter", "value"], rows, wrap=1)))
    if run.ensemble is not None:
        blocks.append(details("Origin of the ensemble", json_block(run.ensemble.provenance)))
    rest = {name: value for name, value in run.manifest.items() if name != "settings"}
    if rest:
        blocks.append(details("Manifest", json_block(rest)))
    missing = tag("p", "There is no manifest.json in this folder.", "faint")
    return {"Settings": joined(*blocks) if blocks else missing}


def _plain(value: Any) -> Content:
    return value if isinstance(value, str | int | float | None) else " ".join(map(str, value))
