"""The errors that this project raises on purpose."""

import difflib
from collections.abc import Iterable, Mapping


class TrainingFailed(RuntimeError):
    """The trial cannot go on, e.g. because its loss is no longer finite."""


class BadInput(ValueError):
    """A file, value or command that the user can put right; the command line turns it into one line and exit code 2.

    The message says what was given, what is allowed and what to do.
    """


def did_you_mean(given: str, allowed: Iterable[str], other_names: Mapping[str, str] | None = None) -> str:
    """Return " Did you mean `x`?" for the allowed word nearest to `given`, or an empty string.

    Args:
        other_names: allowed words by what others call the same.
    """
    words = {**(other_names or {}), **{word: word for word in allowed}}
    near = difflib.get_close_matches(given, words, n=1)
    return f" Did you mean `{words[near[0]]}`?" if near else ""
