"""The help of the command line: an example first, then the flags in groups, with units and defaults."""

import inspect
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from experiments.verbs.flags import Flag, flags_of
from experiments.verbs.groups import grouped

PROGRAM = "python run_search.py"
MAX_WIDTH, INDENT = 100, 28


def print_overview(verbs: Mapping[str, Callable[..., Any]], description: str) -> None:
    """Print what the program is for, and one line for each verb."""
    first, examples, _ = parts_of(description)
    lines = [_paragraph(first), *_examples(examples), Text(f"\nUsage: {PROGRAM} VERB ...\n"), Text("Verbs", "bold")]
    lines += [_entry(name, parts_of(inspect.getdoc(verb) or "")[0]) for name, verb in verbs.items()]
    lines += [
        Text(f"\n{PROGRAM} VERB --help says more; --version tells which this is."),
        Text("--debug, with any verb, shows where an error comes from."),
        Text("Exit codes: 0 fine, 1 failed, 2 bad input, 130 interrupted, 143 terminated."),
    ]
    _print(lines)


def print_help(name: str, verb: Callable[..., Any]) -> None:
    """Print the help of one verb."""
    first, examples, more = parts_of(inspect.getdoc(verb) or "")
    flags = flags_of(verb)
    places, named = [flag for flag in flags if flag.positional], [flag for flag in flags if not flag.positional]
    words = [flag.values if flag.required else f"[{flag.values}]" for flag in places]
    words += [f"--{flag.name} {flag.values}" for flag in named if flag.required]
    lines = [_paragraph(first), *_examples(examples), Text(f"\nUsage: {' '.join([PROGRAM, name, *words])} [flags]")]
    if more:
        lines += [Text(), _paragraph(more)]
    if places:
        lines += [Text(), *(_entry(flag.values, _meaning(flag)) for flag in places)]
    for title, members in grouped(named).items():
        lines += [Text(f"\n{title}", "bold")]
        lines += [_entry(f"--{flag.name} {flag.values}".rstrip(), _meaning(flag)) for flag in members]
    _print(lines)


def parts_of(docstring: str) -> tuple[str, list[str], str]:
    """The first line, the commands of the section Example, and the rest, of a docstring without its arguments."""
    text = docstring.split("\nArgs:")[0].split("\nRaises:")[0]
    found = re.search(r"\nExamples?: +((?:.+\n?)+)", text)
    examples = [line.strip() for line in found[1].splitlines()] if found else []
    first, _, rest = text.replace(found[0] if found else "", "", 1).partition("\n")
    return first.strip(), examples, rest.strip()


def _meaning(flag: Flag) -> str:
    """What a flag means, and its default where the text does not tell it."""
    text = flag.text[:1].upper() + flag.text[1:]
    text = text if text.endswith("...") else text.rstrip(".")
    told = "default" in text.lower()
    if flag.required:
        return f"{text} (required)" if not flag.positional else text
    if told or flag.is_switch or flag.default in (None, ()):
        return text
    return f"{text} (default: {flag.default})"


def _examples(commands: list[str]) -> list[Text]:
    return [Text("".join(f"\n  {command}" for command in commands), "green")] if commands else []


def _paragraph(text: str) -> Text:
    return Text(textwrap.fill(" ".join(text.split()), _width(), break_long_words=False))


def _entry(name: str, text: str) -> Text:
    """A name and what it means: beside it, or below it where the name is long."""
    room = max(20, _width() - INDENT)
    rows = textwrap.wrap(text, room, break_long_words=False) or [""]
    entry = Text("  ").append(name, "cyan")
    if len(name) <= INDENT - 4:
        entry.append(" " * (INDENT - 2 - len(name)) + rows.pop(0))
    for row in rows:
        entry.append(f"\n{' ' * INDENT}{row}")
    return entry


def _width() -> int:
    return min(MAX_WIDTH, shutil.get_terminal_size().columns - 1)


def _print(lines: list[Text]) -> None:
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line)
