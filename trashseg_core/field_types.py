"""Whether the values of a dataclass that was read from a file are of the types that its fields name."""

import sys
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

MAX_INTEGER = 2**63 - 1
"""A whole number that fits into 64 bits; larger ones are no setting, and overflow somewhere."""


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that a float can hold; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def check_types(instance: Any) -> None:
    """Hold every field against its annotation; a whole number will do for a float.

    Raises:
        TypeError: naming the first field with a value of another type.
    """
    for name, hint in get_type_hints(type(instance)).items():
        if not _fits(getattr(instance, name), hint):
            raise TypeError(f"`{name}` is {repr(getattr(instance, name))[:40]}")


def _fits(value: Any, hint: Any) -> bool:
    kind = get_origin(hint) or hint
    if kind in (Union, types.UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if kind is Literal:
        return value in get_args(hint)
    if kind is Any:
        return True
    if kind is tuple:
        return isinstance(value, tuple) and all(_fits(one, get_args(hint)[0]) for one in value)
    if kind is list:
        return isinstance(value, list) and all(_fits(one, get_args(hint)[0]) for one in value)
    if kind is dict:
        return isinstance(value, dict) and all(_fits(one, get_args(hint)[1]) for one in value.values())
    if kind is float:
        return is_number(value)
    if kind is int and isinstance(value, int) and abs(value) > MAX_INTEGER:
        return False
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
