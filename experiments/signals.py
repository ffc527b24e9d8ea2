"""SIGINT and SIGTERM, from the first line of the program to its last. Standard library only: it is imported first."""

import ctypes
import logging  # noqa: F401 (its hooks at forks are to be within ours)
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
PUT_BACK_S = 0.005
"""A handler that is taken away is back after that."""
LATER_S = 0.01
"""A signal that cannot unwind now does so after that."""
_SIGACTION_BYTES = 256
"""More than any system's `struct sigaction`."""


def end_on_signals() -> None:
    """Let both end the program at once, in a line: nothing has begun yet that could be saved."""

    def end(number: int, frame: FrameType | None) -> None:
        os.write(sys.stderr.fileno(), f"{os.path.basename(sys.argv[0])}: Ended by a signal before it began.\n".encode())
        os._exit(CODES[signal.Signals(number)])

    for number in CODES:
        signal.signal(number, end)


def unwind_on_signals() -> list[int]:
    """Let SIGINT and SIGTERM unwind once, so that everything is saved and stopped; a second signal ends at once.

    Both raise KeyboardInterrupt: it alone gets through Ray's compiled code. Where Python ignores exceptions, as in
    `__del__` and at forks, whose hooks hold locks, it is raised a moment later.

    Returns:
        A list that gets the signal that arrived.
    """
    received, waiting = list[int](), list[int]()
    forking = _note_forks()

    def unwind(number: int, frame: FrameType | None) -> None:
        if forking["now"]:
            wait(number)
            return
        received.append(number)
        for same in CODES:
            signal.signal(same, lambda *_: os._exit(CODES[signal.Signals(number)]))
        raise KeyboardInterrupt

    def wait(number: int) -> None:
        waiting.append(number)
        signal.setitimer(signal.ITIMER_REAL, LATER_S)

    def notice(ignored: Any) -> None:
        if received and issubclass(ignored.exc_type, KeyboardInterrupt):
            wait(received.pop())
        else:
            sys.__unraisablehook__(ignored)

    for number in CODES:
        signal.signal(number, unwind)
    signal.signal(signal.SIGALRM, lambda _, frame: unwind(waiting.pop(), frame) if waiting else None)
    sys.unraisablehook = notice
    return received


@cache
def _note_forks() -> dict[str, bool]:
    """Note under `now` whether this process is being forked; the hooks of what was imported before run meanwhile."""
    forking = {"now": False}

    def note(now: bool) -> None:
        forking["now"] = now

    os.register_at_fork(
        before=lambda: note(True), after_in_parent=lambda: note(False), after_in_child=lambda: note(False)
    )
    return forking


def ignore_signals() -> None:
    """Take no more signals: everything is done, and the interpreter, which is being taken down, would die of one.

    Python also remembers whether an interrupt came while it ran code from a string, as dataclasses do when they are
    imported. If so, `python -m` ends by SIGINT after all, whatever the exit code (bugs.python.org/issue1054041).
    """
    for number in (*CODES, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    exec("")  # makes it forget


@contextmanager
def kept_handlers() -> Iterator[None]:
    """Put the handlers back, again and again, as long as a block runs whose compiled code takes them away.

    Ray's does so twice: when it is started it installs one that aborts the process, and when it is shut down it leaves
    none. Python does not notice either. What Python's own `signal.signal` is told meanwhile stays.
    """
    libc, done = ctypes.CDLL(None), threading.Event()
    ours = {int(number): ctypes.create_string_buffer(_SIGACTION_BYTES) for number in CODES}
    for number, action in ours.items():
        libc.sigaction(number, None, action)

    def put_back() -> None:
        for number, action in ours.items():
            libc.sigaction(number, action, None)

    def watch() -> None:
        while not done.wait(PUT_BACK_S):
            put_back()

    watcher = threading.Thread(target=watch, name="signal handlers", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        put_back()
