"""How durations, settings and commands are written for people."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def duration(seconds: float) -> str:
    """Time in its two largest units, e.g. `2 h 05 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def printable(text: str) -> str:
    """A text in one line that no terminal obeys: line breaks, colours and the like stand there as their codes."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def short(value: object) -> str:
    """A hyperparameter's value in three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def assignments(params: Mapping[str, Any]) -> str:
    """Hyperparameters in one line, `lr=0.001 optimizer=sgd`."""
    return printable(" ".join(f"{name}={short(value)}" for name, value in params.items()))


def command(*words: str | Path | int) -> str:
    """A command of this program, begun as this process was and quoted for the shell."""
    script = sys.argv[0]
    called = Path(script).name == "run_search.py" and script in sys.orig_argv
    program = sys.orig_argv[: sys.orig_argv.index(script) + 1] if called else ["python", "run_search.py"]
    return shlex.join([*program, *map(str, words)])


def some(ids: list[str]) -> str:
    """The first five of many."""
    return f"{', '.join(ids[:5])}{', …' if len(ids) > 5 else ''}"


def left_out_text(names: list[str]) -> str:
    """Why some models are not on a leaderboard."""
    return f"Left out, since they score below the interval of the first: {some(names)}"
