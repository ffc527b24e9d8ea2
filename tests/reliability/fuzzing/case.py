"""Case: the files of a valid folder that a mutation replaces. Row: where they come from, and who reads them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from hypothesis.strategies import SearchStrategy

from search_spaces import UnknownSpace
from trashseg_core.errors import BadInput

Judge = Callable[[Path, Path, int, Collection[str]], None]
"""Does with a folder what the verbs do. Gets the folder, which is to stay as it is, an empty one for all that is
written, the number of the case, and the files that differ. Raises BadInput where a verb does; anything else but a
return is a loss. With the number -1 all files are valid, and everything is tried."""


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
    judge: Judge
    share: float
    """Of all cases: the cheaper the more."""


def each_of(*acts: Callable[[], object]) -> None:
    """Do all of them, each as a verb of its own.

    Raises:
        BadInput: what the first refused one said.
    """
    refused: list[BadInput] = []
    for act in acts:
        try:
            act()
        except BadInput as error:
            refused.append(error)
        except UnknownSpace as error:
            refused.append(BadInput(str(error)))
    if refused:
        raise refused[0]
