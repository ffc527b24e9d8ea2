"""The flags of a verb: read from its signature and docstrings, as tyro does, for the help and the completion."""

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro

NUMBERS: dict[Any, str] = {int: "N", float: "X"}


@dataclass(frozen=True)
class Flag:
    """One flag, or one place for a word without a flag."""

    name: str
    """With dashes, e.g. `top-k`."""
    text: str
    """What it means."""
    kind: Any
    """Its type, without None."""
    default: Any
    """`MISSING` where it must be given."""
    positional: bool = False
    metavar: str | None = None

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is MISSING

    @property
    def is_switch(self) -> bool:
        """Whether it takes no value."""
        return self.kind is bool

    @property
    def takes_many(self) -> bool:
        """Whether several values may follow."""
        return get_origin(self.kind) is tuple

    @property
    def choices(self) -> list[str]:
        """The words that it may be, where they are few."""
        kinds = _alternatives(self.kind)
        return [str(choice) for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]

    @property
    def values(self) -> str:
        """What to write behind it: `N`, `tpe|random`, or the last word of its name."""
        if self.metavar is not None or self.is_switch:
            return self.metavar or ""
        if self.takes_many:
            return "VALUE ..."
        kinds = _alternatives(self.kind)
        words = [NUMBERS[kind] for kind in kinds if kind in NUMBERS] + self.choices
        return "|".join(words) or self.name.split("-")[-1].upper()


def flags_of(verb: Callable[..., Any]) -> list[Flag]:
    """All flags of a verb in the order of its signature; those of dataclasses that it takes in their place."""
    told = _told_of_arguments(inspect.getdoc(verb) or "")
    return list(_flags_of(verb, told))


def _flags_of(verb: Callable[..., Any], told: Mapping[str, str]) -> Iterator[Flag]:
    hints = get_type_hints(verb, include_extras=True)
    for name, parameter in inspect.signature(verb).parameters.items():
        kind, marks = _unwrapped(hints[name])
        if is_dataclass(kind) and isinstance(kind, type):
            yield from _fields_of(kind)
            continue
        shown = next((mark.name for mark in marks if getattr(mark, "name", None)), name)
        metavar = next((mark.metavar for mark in marks if getattr(mark, "metavar", None)), None)
        positional = tyro.conf.Positional in marks or parameter.kind is parameter.POSITIONAL_ONLY
        default = MISSING if parameter.default is parameter.empty else parameter.default
        if positional:
            metavar = metavar or name.upper()
        yield Flag(shown.replace("_", "-"), told.get(name, ""), _without_none(kind), default, positional, metavar)


def _fields_of(settings: type) -> Iterator[Flag]:
    hints, told = get_type_hints(settings), _told_of_fields(settings)
    for field in fields(settings):
        name = field.name.replace("_", "-")
        yield Flag(name, told.get(field.name, ""), _without_none(hints[field.name]), field.default)


def _unwrapped(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type and what is annotated to it."""
    if get_origin(hint) is Annotated:
        kind, *marks = get_args(hint)
        return kind, tuple(marks)
    return hint, ()


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _without_none(kind: Any) -> Any:
    kinds = [one for one in _alternatives(kind) if one is not type(None)]
    return Union[tuple(kinds)]  # noqa: UP007 (of as many as there are)


def _told_of_fields(settings: type) -> dict[str, str]:
    """The texts below the fields of a dataclass and of those that it is made from."""
    told: dict[str, str] = {}
    for one in reversed(settings.__mro__):
        if is_dataclass(one):
            body = ast.parse(textwrap.dedent(inspect.getsource(one))).body[0]
            assert isinstance(body, ast.ClassDef)
            for before, after in zip(body.body, body.body[1:], strict=False):
                if isinstance(before, ast.AnnAssign) and isinstance(after, ast.Expr):
                    told[ast.unparse(before.target)] = " ".join(ast.literal_eval(after.value).split())
    return told


def _told_of_arguments(docstring: str) -> dict[str, str]:
    """The section Args of a docstring."""
    section = re.search(r"^Args:\n((?: {4,}.*\n?|\n)*)", docstring, re.MULTILINE)
    entries = re.split(r"^ {4}(?=\w+: )", section[1] if section else "", flags=re.MULTILINE)[1:]
    pairs = [entry.split(": ", 1) for entry in entries]
    return {name: " ".join(text.split()) for name, text in pairs}
