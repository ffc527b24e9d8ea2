"""What a command comes to, in this process: its exit code and what it says."""

import contextlib
import io
import signal
from collections.abc import Iterator
from typing import NamedTuple

import run_search


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@contextlib.contextmanager
def kept_signals() -> Iterator[None]:
    """Put back the handlers that a command installs."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def outcome_of(*words: str) -> Outcome:
    """Run a command as `main` does."""
    out, err = io.StringIO(), io.StringIO()
    with kept_signals(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_search.main(list(words))
    return Outcome(code, out.getvalue(), err.getvalue())


def fault_in(found: Outcome) -> str | None:
    """What is wrong with an outcome that may be fine or refused, in one short line without a traceback; or None."""
    if found.code == 0:
        return "a traceback" if "Traceback" in found.err + found.out else None
    if found.code != 2:
        return f"exit code {found.code}: {found.err[:300]}"
    if found.err.count("\n") != 1 or len(found.err) > 2500 or "Traceback" in found.err:
        return f"not one short line: {found.err[:300]}"
    return None
