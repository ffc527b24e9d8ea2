"""Inner loops in machine code: numba as this project uses it."""

import hashlib
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba

from trashseg_core.data.cache_store import cache_root, others_in
from trashseg_core.disk.locks import locked

Given = ParamSpec("Given")
Returned = TypeVar("Returned")
CONFIG: Any = numba.config
NOWHERE = Path(os.devnull)
"""No folder, so that numba looks for another place, or keeps nothing."""


def _cache_dir() -> str:
    """A folder for the machine code of each state of the compiled sources.

    numba itself notices changes of the file that a function stands in only, not of what the function calls.
    """
    package = Path(__file__).parent
    sources = [path.read_bytes() for path in sorted(package.rglob("*.py"))]
    digest = hashlib.sha256(b"".join(source for source in sources if b"import compiled" in source)).hexdigest()[:12]
    beside = package / "__pycache__" if os.access(package, os.W_OK) else cache_root()
    return str(Path(CONFIG.CACHE_DIR or trusted(beside)) / f"compiled-{digest}")


def trusted(folder: Path) -> Path:
    """The folder, or none where others may put something into it: numba unpickles what it finds there."""
    return NOWHERE if others_in(folder) else folder


CACHE_DIR = _cache_dir()


def compiled(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Compile a function of numpy arrays and scalars at its first call; it then runs without the interpreter lock.

    The machine code is kept for later processes: beside the sources, or in the project's cache folder where they are
    read-only, or in `$NUMBA_CACHE_DIR`. Where nothing can be written, each process compiles for itself.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    previous, CONFIG.CACHE_DIR = CONFIG.CACHE_DIR, CACHE_DIR
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba: no folder to cache in
        return numba.njit(**options)(function)
    finally:
        CONFIG.CACHE_DIR = previous


def warm_up(function: Callable[Given, Returned], *args: Given.args, **kwargs: Given.kwargs) -> Returned:
    """Call a compiled function for the first time: of several processes that do, one compiles, the others load."""
    with ExitStack() as stack:
        with suppress(OSError):  # a cache folder that cannot be written has no room for the machine code either
            stack.enter_context(locked(cache_root() / ".compiled.lock"))
        return function(*args, **kwargs)
