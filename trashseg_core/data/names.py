"""Names in files from elsewhere, of classes, photos and trials: texts that can be shown and written anywhere."""

import re
from typing import Any

from trashseg_core.data.json_document import shown

CONTROL_CHARACTERS = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
MAX_NAME = 200
"""Characters of a name: MLflow takes 250 for that of a metric."""


def name_fault(name: Any) -> str | None:
    """What makes the name of a class or trial unusable, or None."""
    if not isinstance(name, str) or not name.strip():
        return f"is {shown(name)}, but must be a text"
    if len(name) > MAX_NAME:
        return f"has {len(name)} characters; at most {MAX_NAME} are allowed"
    fault = text_fault(name)
    return None if fault is None else f"{shown(name)} {fault}"


def text_fault(name: str) -> str | None:
    """What keeps a name from being printed, written into a CSV and looked up on the disk, or None."""
    if re.search(CONTROL_CHARACTERS, name):
        return "holds a control character"
    return "is no valid Unicode text" if re.search("[\ud800-\udfff]", name) else None
