"""What may vary: one module = one space, a function `space(trial)`. Standard library only."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Space = Callable[[Any], None]


class UnknownSpace(ValueError):
    """The space does not exist or cannot be loaded; the message says what is allowed."""


def names() -> list[str]:
    """Names of the spaces that come with the project."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name != "parts")


def source_path(name: str) -> Path:
    """The file of a space, given by its name or by a path to a Python file.

    Raises:
        UnknownSpace: there is no such space.
    """
    if name in names():
        return Path(__path__[0]) / f"{name}.py"
    if name.endswith(".py") and Path(name).is_file():
        return Path(name).absolute()
    raise UnknownSpace(f"Unknown space `{name}`. Spaces: {', '.join(names())}, or the path of a Python file.")


def load(name: str) -> Space:
    """Load a space. A file is code: it runs when it is loaded, so load only your own.

    Raises:
        UnknownSpace: there is no such space, its file fails, or it has no function `space(trial)`.
    """
    path = source_path(name)
    try:
        if name in names():
            module = importlib.import_module(f"search_spaces.{name}")
        else:
            spec = importlib.util.spec_from_file_location(f"user_space_{path.stem}", path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UnknownSpace(f"{path}: cannot be loaded ({type(error).__name__}: {error}).") from None
    space = getattr(module, "space", None)
    if not callable(space):
        raise UnknownSpace(f"{path}: has no function `space(trial)`. See search_spaces/baseline.py for one.")
    return space
