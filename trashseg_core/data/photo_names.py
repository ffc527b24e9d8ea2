"""The names of photos in an annotation file: whether they stay inside the data folder, and what else may be meant."""

import os
import re
import unicodedata
from pathlib import Path

ADDRESS = r"^([A-Za-z][A-Za-z0-9+.-]*://|(file|data):|[A-Za-z]:|[\\/])"
"""URLs, drive letters, absolute paths, UNC; also those that mean something on another system only."""


def leads_outside(name: str) -> bool:
    """Whether a name is more than a path down from the data folder; links are not looked at."""
    return re.match(ADDRESS, name) is not None or ".." in re.split(r"[\\/]", name)


class NearNames:
    """What lies in a data folder under a name that differs in case or Unicode form only. A folder is listed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.listed: dict[Path, dict[str, str]] = {}

    def near(self, name: str) -> str | None:
        """The name that is there in place of one that is not, relative to the root, or None."""
        found = Path()
        for part in Path(name).parts:
            there = self._entries(found)
            if (self.root / found / part).exists():
                found /= part
            elif _same(part) in there:
                found /= there[_same(part)]
            else:
                return None
        return str(found)

    def _entries(self, folder: Path) -> dict[str, str]:
        """The entries of a folder by what they have in common with those that look alike."""
        if folder not in self.listed:
            try:
                names = sorted(os.listdir(self.root / folder))
            except OSError:
                names = []
            self.listed[folder] = {_same(name): name for name in names}
        return self.listed[folder]


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
