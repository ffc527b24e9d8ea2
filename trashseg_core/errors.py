"""The errors that this project raises on purpose."""

import difflib
from collections.abc import Iterable


class TrainingFailed(RuntimeError):
    """The trial cannot go on, e.g. because its loss is no longer finite."""


class BadInput(ValueError):
    """A file, value or command that the user can put right; the command line turns it into one line and exit code 2.

    The message says what was given, what is allowed and what to do.
    """


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """Return " Did you mean `x`?" for the allowed word nearest to `given`, or an empty string."""
    near = difflib.get_close_matches(given, list(allowed), n=1)
    return f" Did you mean `{near[0]}`?" if near else ""
