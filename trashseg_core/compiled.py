"""Inner loops in machine code: numba as this project uses it."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

Given = ParamSpec("Given")
Returned = TypeVar("Returned")


def compiled(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Compile a function of numpy arrays and scalars at its first call; it then runs without the interpreter lock.

    The machine code is kept for later processes: beside the source, else, where that folder is read-only, in the user's
    cache folder (`NUMBA_CACHE_DIR` names another one). Where nothing can be written, each process compiles for itself.
    What a compiled function calls must lie in its own file: numba notices changes there only.
    """
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # numba found no folder to cache in
        return numba.njit(nogil=True, error_model="numpy")(function)
