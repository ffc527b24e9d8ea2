"""JSON files of this project, read as what they must be: regular files, not endless, with finite numbers only."""

import json
import math
from pathlib import Path
from typing import Any

from trashseg_core.disk.regular import open_regular, size_of

MAX_BYTES = 256_000_000
"""Ten times what `results.json` of 10,000 trials has."""


def parse_own(path: Path) -> Any:
    """Parse a file.

    Raises:
        ValueError: it is special, too large, nested too deeply, or not JSON of finite numbers.
        OSError: it cannot be read.
    """
    with open_regular(path) as stream:
        if size_of(stream) > MAX_BYTES:
            raise ValueError(f"{size_of(stream) / 1e6:.0f} MB, above {MAX_BYTES / 1e6:.0f} MB")
        text = stream.read().decode()
    try:
        return json.loads(text, parse_constant=_not_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def _not_finite(text: str) -> float:
    raise ValueError(f"{text[:40]} is no finite number")
