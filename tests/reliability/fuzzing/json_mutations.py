"""Mutations of JSON documents: of their values first, then of their text."""

import copy
import json
import math
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.reliability.fuzzing.byte_mutations import mutate_bytes

DEEP = "@deep@"
"""Stands for a nesting that `json.dumps` could not write."""
DEPTHS = (3, 400, 100_000)
NUMBERS = (0, 1, -1, 2, 255, 256, 2**31, 2**32, 2**53 + 1, 2**63, 2**70, -(2**63), 10**400, 0.5, -0.5, 1e-320, 1e9)
NUMBERS += (65_536, 99_999, 100_000, 1e25, 1e154, 1.7e308, -1.7e308, math.nan, math.inf, -math.inf, 1e-9, 0.999, -0.0)
TEXTS = ("", " ", "\x00", "\n", "\ud800", "\u202e", "é", "é", "👍🏽", "../../etc/passwd", "/etc/passwd", "/dev/zero")
TEXTS += ("http://a/b", "file:///etc/passwd", "C:\\x", "<script>alert(1)</script>", "[/bold]", "[red]", "%s{0}", "a,b")
TEXTS += ('"', "'; --", "nan", "1e5", "-1", "true", "null", "None", "a" * 5_000, "background", "0", "9" * 5_000)
OTHERS = (None, True, False, [], {}, [[]], [{}], {"a": 1}, [0], [None], ["a"], {"": {}}, [1, "a", None])
ODD = [*NUMBERS, *TEXTS, *OTHERS, *[f"{DEEP}{depth}" for depth in DEPTHS]]


@st.composite
def mutated_json(draw: DrawFn, document: Any) -> tuple[bytes, str]:
    """A text that was a JSON document, and what was done to it: one to four changes of values, sometimes of bytes."""
    document, told = copy.deepcopy(document), []
    how = draw(st.sampled_from(("values", "values", "values", "values", "values", "values", "both", "bytes")))
    if how != "bytes":
        for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3, 4)))):
            document, done = change_value(draw, document)
            told.append(done)
    text = dump(document)
    if how != "values":
        text, done = mutate_bytes(draw, text)
        told.append(done)
    return text, "; ".join(told)


def dump(document: Any) -> bytes:
    """The document as UTF-8, odd values included; some deeper than any writer goes."""
    text = json.dumps(document, ensure_ascii=True)
    for depth in DEPTHS:
        text = text.replace(f'"{DEEP}{depth}"', "[" * depth + "]" * depth)
    return text.encode()


def change_value(draw: DrawFn, document: Any) -> tuple[Any, str]:
    """Change one value of a document in place; its new root, and what was done."""
    path, parent, key = walk(draw, document)
    if parent is None:
        value = odd_value(draw, document)
        return value, f"/ = {told(value)}"
    old = parent[key]
    match draw(st.integers(0, 9)):
        case 0:
            del parent[key]
            return document, f"no {path}"
        case 1:
            _, other, source = walk(draw, document)
            if other is not None:
                parent[key] = copy.deepcopy(other[source])
            return document, f"{path} = a copy of {source}"
        case 2 if isinstance(parent, list):
            times = draw(st.sampled_from((1, 2, 300)))
            parent[key:key] = [copy.deepcopy(old) for _ in range(times)]
            return document, f"{path} {times} x more"
        case 2:
            name = draw(st.sampled_from((*TEXTS, str(key) + "s", str(key).upper(), "unknown")))
            parent[name] = parent.pop(key)
            return document, f"{path} is called {told(name)}"
        case 3 if isinstance(parent, list) and len(parent) > 1:
            other_key = draw(st.integers(0, len(parent) - 1))
            parent[key], parent[other_key] = parent[other_key], old
            return document, f"{path} and {other_key} swapped"
        case 3:
            parent[key] = draw(st.sampled_from(([old], {"a": old}, str(old), [old, old])))
            return document, f"{path} = {told(parent[key])}"
        case 4 | 5 if isinstance(old, list) and old:
            del old[draw(st.integers(0, len(old) - 1)) :]
            return document, f"{path} cut to {len(old)}"
        case _:
            parent[key] = odd_value(draw, old)
            return document, f"{path} = {told(parent[key])}"


def walk(draw: DrawFn, document: Any) -> tuple[str, Any, Any]:
    """Go down from the root, a child at a time, and stop somewhere: path, container and key (None at the root)."""
    path, parent, key, node = "", None, None, document
    while isinstance(node, dict | list) and node and (parent is None or draw(st.integers(0, 9)) not in (4, 6)):
        if parent is None and draw(st.integers(0, 99)) == 71:  # hypothesis likes bounds; the root itself is a rare case
            break
        parent = node
        index = draw(st.integers(0, len(node) - 1))
        key = list(node)[index] if isinstance(node, dict) else index
        path, node = f"{path}/{key}", parent[key]
    return path, parent, key


def odd_value(draw: DrawFn, old: Any) -> Any:
    """Something else in a value's place: often near to it, sometimes of another kind."""
    kind = draw(st.integers(0, 3))
    if kind == 0 or isinstance(old, bool) or not isinstance(old, int | float | str | list):
        return copy.deepcopy(draw(st.sampled_from(ODD)))
    if isinstance(old, int | float):
        near = (old + 1, old - 1, -old, old * 1000)
        near += (old + 0.5, float(old)) if abs(old) < 1e300 else ()  # a mutation before this one made it endless
        return draw(st.sampled_from((*NUMBERS, str(old), *near)))
    if isinstance(old, str):
        place = draw(st.integers(0, len(old)))
        return old[:place] + draw(st.sampled_from(TEXTS)) + old[place + draw(st.integers(0, 2)) :]
    return draw(st.sampled_from((old * 2, old[::-1], old * 200, [old], old + [None], dict(enumerate(old)))))


def told(value: Any) -> str:
    """A value, short and on one line."""
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:40]}… ({len(text)})"
