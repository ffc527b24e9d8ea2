"""Why a command was refused: the one word in it to change, where the parser would print all that it knows."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from experiments.verbs.flags import NUMBERS, Flag, flags_of
from experiments.verbs.help import PROGRAM
from trashseg_core.errors import did_you_mean

KINDS = {int: "a whole number", float: "a number"}


def fault_of(verbs: Mapping[str, Callable[..., Any]], arguments: list[str]) -> str | None:
    """What to change in a command that the parser refused; None where that is not seen here.

    Args:
        verbs: function of each verb.
        arguments: words of the command, without the program.
    """
    if not arguments or arguments[0] not in verbs:
        given = f"{arguments[0]!r} is no verb.{did_you_mean(arguments[0], verbs)}" if arguments else "A verb is needed."
        return f"{given} There are {', '.join(verbs)}; `{PROGRAM} --help` says what each does."
    verb = arguments[0]
    flags = flags_of(verbs[verb])
    faults = _faults(verb, flags, arguments[1:])
    return next(faults, None)


def _faults(verb: str, flags: list[Flag], words: list[str]) -> Iterator[str]:
    """What is wrong with the words behind a verb: unknown flags first, since another fault may follow from one."""
    see = f"`{PROGRAM} {verb} --help` lists its flags."
    named = {f"--{flag.name}": flag for flag in flags if not flag.positional}
    named |= {f"--no-{flag.name}": flag for flag in flags if flag.is_switch}
    given, places = _split(named, words)
    for word, _ in given:
        if word not in named:
            near = did_you_mean(word.lstrip("-"), (), {name.lstrip("-"): name for name in named})
            yield f"`{verb}` has no flag `{word}`.{near} {see}"
    for word, values in given:
        yield from _faults_of_values(word, named[word], values)
    wanted = [flag for flag in flags if flag.positional]
    present = {word for word, _ in given}
    for flag, value in zip(wanted, places, strict=False):
        if flag.choices:
            yield from _faults_of_values(flag.values, flag, [value])
    missing = {flag.values: flag for flag in wanted[len(places) :] if flag.required}
    missing |= {word: flag for word, flag in named.items() if flag.required and word not in present}
    if missing:
        told = [f"`{word}` ({flag.text[:1].lower()}{flag.text[1:].rstrip('.')})" for word, flag in missing.items()]
        yield f"`{verb}` needs {' and '.join(told)}. {see}"
    if len(places) > len(wanted):
        yield f"`{verb}` has no use for {places[len(wanted)]!r}. {see}"


def _split(named: Mapping[str, Flag], words: list[str]) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """The flags with their values, and the words without a flag."""
    given: list[tuple[str, list[str]]] = []
    places: list[str] = []
    room = 0  # for values of the last flag
    for word in words:
        if not _is_flag(word):
            (given[-1][1] if room > 0 else places).append(word)
            room -= 1
            continue
        name, joined, value = word.partition("=")
        name = name.replace("_", "-")
        flag = named.get(name)
        given.append((name, [value] if joined else []))
        room = 0 if joined or flag is None or flag.is_switch else len(words) if flag.takes_many else 1
    return given, places


def _is_flag(word: str) -> bool:
    """Whether a word starts like a flag; a negative number does not."""
    return word.startswith("-") and len(word) > 1 and not word[1].isdigit() and word[1] != "."


def _faults_of_values(word: str, flag: Flag, values: list[str]) -> Iterator[str]:
    kinds = get_args(flag.kind) or (flag.kind,)
    kinds = tuple(kind for kind in kinds if kind in NUMBERS)
    allowed = [*(KINDS[kind] for kind in kinds), *flag.choices]
    if flag.is_switch:
        if values:
            yield f"`{word}` takes no value. Leave {values[0]!r} out."
        return
    if not values and not flag.takes_many:
        yield f"`{word}` needs a value: {' or '.join(allowed) or flag.text}."
    for value in values if allowed else []:
        if value not in (*flag.choices, "None") and not any(_converts(kind, value) for kind in kinds):
            known = " or ".join(allowed) if kinds else f"one of {', '.join(allowed)}"
            yield f"The value of `{word}` is {value!r}, but must be {known}.{did_you_mean(value, flag.choices)}"


def _converts(kind: Callable[[str], Any], value: str) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True
