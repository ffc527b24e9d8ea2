"""A limit of time for a space, which is the user's code: one that never comes back is refused instead of waited for."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from trashseg_core.errors import BadInput

LIMIT_S = 60.0
"""For loading a space and all draws from it; those of ours take less than a tenth of a second."""
AGAIN_S = 1.0
"""And again after that, where the code of the space catches everything."""


@contextmanager
def in_time(space: str) -> Iterator[None]:
    """End the block when the limit is over. Works in the main thread, where preflight runs; elsewhere without a limit.

    Args:
        space: as the user named it.

    Raises:
        BadInput: the limit is over.
    """

    def end(number: int, frame: FrameType | None) -> None:
        if (left := deadline - time.monotonic()) > 0:  # another's alarm, which takes the place of ours
            signal.setitimer(signal.ITIMER_REAL, left, AGAIN_S)
            if callable(before):
                before(number, frame)
            return
        raise BadInput(f"`--space {space}`: it does not come back within {LIMIT_S:g} s. Does it loop for ever?")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, deadline = signal.getsignal(signal.SIGALRM), time.monotonic() + LIMIT_S
    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
