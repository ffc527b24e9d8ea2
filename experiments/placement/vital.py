"""Ray's own processes on this machine: where one is killed, nothing goes on and nothing says so. The search ends."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os import getpid

from experiments.placement.guardian import LOOK_EVERY_S, children_named

VITAL = ("gcs_server", "raylet")


class RayDied(RuntimeError):
    """A process died without which no trial can run."""


@contextmanager
def vital() -> Iterator[None]:
    """Interrupt the block, on the main thread, when one of Ray's processes that this one started is gone.

    Raises:
        RayDied: naming it.
    """
    died: list[str] = []
    over = threading.Event()

    def watch() -> None:
        known: dict[int, str] = {}
        while not over.wait(LOOK_EVERY_S):
            alive = children_named(getpid(), VITAL)
            died.extend(name for pid, name in known.items() if pid not in alive)
            known |= alive
            if died:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return

    watcher = threading.Thread(target=watch, name="vital processes", daemon=True)
    watcher.start()
    try:
        yield
    except KeyboardInterrupt:
        if died:
            raise RayDied(f"Ray's process {died[0]} was killed, perhaps for want of memory") from None
        raise
    finally:
        over.set()
        watcher.join()
