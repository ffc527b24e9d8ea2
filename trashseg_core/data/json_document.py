"""The JSON document of a stranger: read under a cap, and refused where it is not plain JSON with an object on top."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from trashseg_core.disk.regular import NotRegular, open_regular, size_of
from trashseg_core.errors import BadInput

MAX_SHOWN = 60


def read_document(path: Path, max_json_mb: int) -> dict[str, Any]:
    """Read an annotation file as JSON; nothing in it is looked at yet.

    Args:
        max_json_mb: larger files (in 10^6 bytes) are refused before they are read.

    Raises:
        BadInput: the file is missing, special, too large, or not JSON with an object on top.
    """
    text = _read_text(path, max_json_mb)
    if not text.strip():
        raise BadInput(f"{path}: the file is empty. Expected a COCO annotation file.")
    try:
        document = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: not valid JSON (line {error.lineno}, column {error.colno}: {error.msg}).") from None
    except RecursionError:
        raise BadInput(f"{path}: lists or objects are nested too deeply. Write it as plain COCO JSON.") from None
    except ValueError as error:
        raise BadInput(f"{path}: {error}. Write it as plain COCO JSON.") from None
    if not isinstance(document, dict):
        raise BadInput(f"{path}: the top level is a {type(document).__name__}, but must be an object.")
    return document


def shown(value: Any) -> str:
    """A JSON value for a message: short, on one line, and printable in every encoding.

    Lists and objects are named by their kind only: they may be as long and as deep as the file.
    """
    if isinstance(value, list | dict):
        return f"a {type(value).__name__}"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _read_text(path: Path, max_json_mb: int) -> str:
    try:
        with open_regular(path) as stream:
            size_mb = size_of(stream) / 1e6
            if size_mb > max_json_mb:
                raise BadInput(f"{path}: {size_mb:.1f} MB is above the cap of {max_json_mb} MB. Raise `--max-json-mb`.")
            return stream.read().decode("utf-8-sig")
    except NotRegular as error:
        raise BadInput(f"{path}: {error}. Put the annotation file itself there.") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}). Expected a COCO annotation file.") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text (byte {error.start}). Expected a COCO annotation file.") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {shown(twice)} occurs twice in one object")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
