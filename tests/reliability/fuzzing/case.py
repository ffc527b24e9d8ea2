"""Case: the files of a valid folder that a mutation replaces."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class Case:
    """One mutated folder, told by what is different in it."""

    files: dict[str, bytes | None]
    """New content by path in the folder; None: the file is gone."""
    summary: str
    """What was done, in a few words."""


@dataclass(frozen=True)
class Row:
    """How one row of the table is fuzzed."""

    make: Callable[[Path], None]
    """Fills an empty folder with valid files."""
    mutations: Callable[[Path], SearchStrategy[Case]]
    """Cases made of that folder."""
    judge: str
    """Name of the function of `judges.py` that reads the folder."""
    share: float
    """Of all cases: the cheaper the more."""
