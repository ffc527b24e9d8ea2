"""Numbers as a report says them."""

import time
from collections.abc import Sequence
from typing import Any


def duration(seconds: float) -> str:
    """Time in the two largest units, e.g. `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit that suits times up to `seconds`, and its length in seconds."""
    return ("hours", 3600.0) if seconds >= 3600 else ("minutes", 60.0) if seconds >= 60 else ("seconds", 1.0)


def score(value: float | None) -> str:
    """A score to four digits, or a dash."""
    return "–" if value is None else f"{value:.4f}"


def percent(share: float, digits: int = 0) -> str:
    """`73 %` of 0.73, which stays on one line."""
    return f"{100 * share:.{digits}f}\u00a0%"


def shown(value: Any) -> str:
    """The value of a hyperparameter, numbers to four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def counted(count: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def period(moments: Sequence[float]) -> str:
    """First and last of some moments, given in seconds since 1970, to the minute."""
    ends = [min(moments), max(moments)] if moments else []
    return " to ".join(dict.fromkeys(time.strftime("%Y-%m-%d %H:%M", time.localtime(one)) for one in ends))
