"""The frame around every verb of the command line: arguments, signals, messages and exit codes."""

import contextlib
import errno
import functools
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tyro

from experiments.secrets import masked
from experiments.showing.wording import printable
from experiments.signals import unwind_on_signals
from experiments.verbs.flags import flags_of
from experiments.verbs.help import print_help, print_overview
from experiments.verbs.refusal import fault_of
from experiments.verbs.words import fault_in
from search_spaces import UnknownSpace
from trashseg_core import __version__
from trashseg_core.disk.full_disk import is_full
from trashseg_core.errors import BadInput

Verb = Callable[..., None]
MAX_SHOWN = 300
"""Of a word in a message."""
NO_SUCH_NAMES = (errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR)
"""Errors that only another path helps against."""
LONGEST = 4000
"""Characters of a message."""
OTHERS = 0o022
"""Bits of a file's mode: whatever is written, nobody but its owner may change it."""
NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Errors of files that this user may not read or write."""


def run_command(verbs: Mapping[str, Verb], description: str, arguments: list[str]) -> int:
    """Run one verb; every end is an exit code and at most one line, below a traceback after `--debug`.

    Args:
        verbs: function of each verb; its signature and docstring are its flags and help.
        description: what `--help` says first.

    Returns:
        0 fine, 1 failed, 2 bad input, 130 interrupted, 143 terminated.
    """
    debug = "--debug" in arguments
    os.umask(os.umask(OTHERS) | OTHERS)
    arguments = [word for word in arguments if word != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file name may hold what the terminal's encoding does not know
            stream.reconfigure(errors="backslashreplace")
    received = unwind_on_signals()
    try:
        code = _run(verbs, description, arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except (BadInput, UnknownSpace) as error:
        if debug:
            _print_traceback(error)
        return _fail(2, str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python fails once more at its end
        return _fail(1, "Nobody reads the output any more.")
    except KeyboardInterrupt as interruption:
        what, code = ("Terminated", 143) if signal.SIGTERM in received else ("Interrupted", 130)
        return _fail(code, " ".join([f"{what}.", *_notes(interruption)]))
    except Exception as error:
        if debug:
            _print_traceback(error)
        code, told = _told(error)
        return _fail(code, " ".join([told, *_notes(error)]))


def _told(error: Exception) -> tuple[int, str]:
    """Exit code and message of what a verb did not expect; of files, what helps."""
    if isinstance(error, OSError):
        place = f"{error.filename2 or error.filename or 'a file'}: {error.strerror}."
        if error.errno in NO_SUCH_NAMES or error.errno == errno.ENOENT and _is_of_new_folder(error):
            return 2, f"{place} Give another path."
        if error.errno in NOT_OURS:
            return 2, f"{place} Give a place that this user may read and write, or change its rights."
        if is_full(error) and error.filename:
            return 1, f"{error.strerror}: {error.filename}. Make room there."
    return 1, f"{type(error).__name__}: {error} (`--debug` shows where)"


def _is_of_new_folder(error: OSError) -> bool:
    """Whether an error is of a folder to be made. A missing file may be anybody's fault; this is the path's."""
    return traceback.extract_tb(error.__traceback__)[-1].name == Path.mkdir.__name__


def _print_help(verbs: Mapping[str, Verb], description: str, arguments: list[str]) -> bool:
    """Print the help, or the version, that is asked for; return whether one was."""
    if arguments == ["--version"]:
        print(f"trashseg {__version__}")
        return True
    if not {"-h", "--help"} & set(arguments):
        return False
    verb = verbs.get(arguments[0])
    if verb is None:
        print_overview(verbs, description)
    else:
        print_help(arguments[0], verb)
    return True


def _run(verbs: Mapping[str, Verb], description: str, arguments: list[str]) -> int:
    """Parse the arguments and call the verb, or say in one line what to change in them."""
    if fault := fault_in(arguments):
        return _fail(2, fault)
    if _print_help(verbs, description, arguments):
        return 0
    if arguments and arguments[0] in verbs:
        for flag in flags_of(verbs[arguments[0]]):
            arguments = _join_repeated(arguments, f"--{flag.name}") if flag.takes_many else arguments
    noise = io.StringIO()
    try:
        with contextlib.redirect_stderr(noise):
            call = tyro.extras.subcommand_cli_from_dict(
                {name: _deferred(verb) for name, verb in verbs.items()},
                prog="run_search.py",
                description=description,
                args=arguments,
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            return 0
        words = re.sub(r"[\u2500-\u257f]|-{5,}|\x1b\[[0-9;]*m", " ", noise.getvalue()).split()
        return _fail(2, fault_of(verbs, arguments) or " ".join(words))
    call()
    return 0


def _deferred(verb: Verb) -> Callable[..., Any]:
    """The verb with its signature, returning the call instead of making it."""

    @functools.wraps(verb)
    def bind(*args: Any, **kwargs: Any) -> Any:
        return functools.partial(verb, *args, **kwargs)

    return bind


def _join_repeated(arguments: list[str], flag: str) -> list[str]:
    """Let a list flag be given several times: its values move behind its first occurrence."""
    pairs = [word.split("=", 1) if word.startswith(f"{flag}=") else [word] for word in arguments]
    arguments = [part for pair in pairs for part in pair]
    if arguments.count(flag) < 2:
        return arguments
    kept, values, collecting = [], [], False
    for word in arguments:
        if word == flag:
            collecting = True
        elif collecting and not word.startswith("--"):
            values.append(word)
        else:
            collecting = False
            kept.append(word)
    return [*kept, flag, *values]


def _notes(error: BaseException) -> list[str]:
    """What a verb wants said beside an error, e.g. how to go on."""
    return getattr(error, "__notes__", [])


def _print_traceback(error: Exception) -> None:
    """Print where an error comes from, without the secrets in it."""
    for line in masked("".join(traceback.format_exception(error))).splitlines():
        print(printable(line), file=sys.stderr)


def _fail(code: int, message: str) -> int:
    """Print a message as one line that no text quoted in it can make longer, break up or colour."""
    words = [word if len(word) <= MAX_SHOWN else f"{word[:MAX_SHOWN]}…" for word in masked(message).split()]
    line = " ".join(words)
    shown = line if len(line) <= LONGEST else f"{line[:LONGEST]} … ({len(line):,} characters)"
    print(f"run_search.py: {printable(shown)}", file=sys.stderr)
    return code
