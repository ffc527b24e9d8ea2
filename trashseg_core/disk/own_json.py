"""JSON files of this project, read as what they must be: regular files, not endless, with finite numbers only."""

import json
import math
import stat
from pathlib import Path
from typing import Any

MAX_BYTES = 256_000_000
"""Ten times what `results.json` of 10,000 trials has."""


def parse_own(path: Path) -> Any:
    """Parse a file.

    Raises:
        ValueError: it is special, too large, nested too deeply, or not JSON of finite numbers.
        OSError: it cannot be read.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a FIFO or a device never ends
        raise ValueError("not a regular file")
    if status.st_size > MAX_BYTES:
        raise ValueError(f"{status.st_size / 1e6:.0f} MB, above {MAX_BYTES / 1e6:.0f} MB")
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_not_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def _not_finite(text: str) -> float:
    raise ValueError(f"{text[:40]} is no finite number")
