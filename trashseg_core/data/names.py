"""Names in files from elsewhere, of classes and trials: texts that can be shown anywhere."""

import re
from typing import Any

CONTROL_CHARACTERS = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
MAX_NAME = 200


def name_fault(name: Any) -> str | None:
    """What makes a name unusable, or None: terminals obey control characters, and a page of text is no name."""
    if not isinstance(name, str) or not name.strip():
        return f"is {repr(name)[:40]}, but must be a text"
    if len(name) > MAX_NAME:
        return f"{name[:20]!r}… has {len(name):,} characters, but may have {MAX_NAME}"
    if re.search(CONTROL_CHARACTERS, name):
        return f"{name!r} holds a control character"
    return None
