"""Events of the journal: what a line has to hold before it is believed."""

import re
from typing import Any

from trashseg_core.field_types import is_number

ENDS = ("finished", "stopped", "failed")
KEY = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""Of a trial: its folder is called so, too."""
MAX_EPOCH, MAX_TIME_S = 1_000_000, 253_402_300_799
"""Later is after the year 9999, which no date can be of."""
FIELDS: dict[str, tuple[str, ...]] = {
    "search": ("settings",),
    "trial": ("params", "distributions", "config"),
    "epoch": ("epoch", "metrics"),
    "end": ("status", "error"),
    "again": (),
}


def check_event(event: Any, num_trials: int) -> None:
    """Refuse a line that no search has written.

    Args:
        event: its JSON value.
        num_trials: trials that the lines before it began. A numbered trial is the next one: where a line is lost, a
            later trial would get the number, and the checkpoints, of one that is there.

    Raises:
        ValueError, KeyError, TypeError: in a few words.
    """
    if not isinstance(event, dict) or event["event"] not in FIELDS:
        raise ValueError("no event")
    kind, key = event["event"], event["key"]
    for name in FIELDS[kind]:
        if name not in event:
            raise KeyError(name)
    if kind != "search" and not (isinstance(key, str) and re.fullmatch(KEY, key)):
        raise ValueError("no key")
    if kind == "trial" and re.fullmatch(r"t\d+", key) and key != f"t{num_trials:04d}":
        raise ValueError(f"trial {key} follows {num_trials} others")
    moment = event.get("time", 0)
    if not is_number(moment) or not 0 <= moment <= MAX_TIME_S:
        raise ValueError("no time")
    _check_fields(kind, event)


def _check_fields(kind: str, event: dict[str, Any]) -> None:
    for name in ("settings", "params", "distributions", "config", "attributes", "metrics", "measured"):
        if not isinstance(event.get(name, {}), dict):
            raise TypeError(f"{name} is no object")
    for name in ("params", "config"):
        if not all(isinstance(one, str | int | float | None) for one in event.get(name, {}).values()):
            raise TypeError(f"a value of {name} is no plain one")
    if not all(isinstance(one, str) for one in event.get("distributions", {}).values()):
        raise TypeError("a distribution is no text")
    if not all(is_number(one) for name in ("metrics", "measured") for one in event.get(name, {}).values()):
        raise TypeError("a metric is no finite number")
    if kind == "epoch":
        epoch = event["epoch"]
        if not isinstance(epoch, int) or isinstance(epoch, bool) or not 1 <= epoch <= MAX_EPOCH:
            raise ValueError("no epoch")
    if kind == "end" and (event["status"] not in ENDS or not isinstance(event["error"], str | None)):
        raise ValueError("no end")
