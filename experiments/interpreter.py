"""The Python that runs the program, and a package that it lacks."""

import sys
from typing import NoReturn

OWN = ("experiments", "search_spaces", "trashseg_core")
"""Packages that no installation could bring."""


def end_without(error: ModuleNotFoundError) -> NoReturn:
    """End with exit code 2 and one line where a package is not installed.

    Raises:
        ModuleNotFoundError: a module of our own, or one inside a package that is there, is missing: no usual case.
    """
    name = error.name or "."
    if "." in name or name in OWN:
        raise error
    told = f"{name} is not installed in {sys.executable}. Run `source .venv/bin/activate` first"
    print(f"run_search.py: {told}; experiments/recipes/quickstart.sh makes that folder.", file=sys.stderr)
    sys.exit(2)
