"""Copies of a finished search, and what may happen to its files."""

import os
import random
import shutil
from pathlib import Path

LARGE = 100_000
"""Bytes from which on a file is linked instead of copied; no damage is done to a file in its place."""


def copy_of(run: Path, target: Path) -> Path:
    """Copy a run folder."""

    def copy(source: str, copied: str) -> None:
        if os.path.getsize(source) > LARGE:
            os.link(source, copied)
        else:
            shutil.copy2(source, copied)

    shutil.copytree(run, target, copy_function=copy)
    return target


def damage(path: Path, how: str) -> None:
    """Do something to a file that is no part of any program's plan."""
    content = path.read_bytes()
    path.unlink()
    noise = random.Random(0).randbytes(max(len(content), 64))
    match how:
        case "deleted":
            return
        case "a folder":
            path.mkdir()
        case "a FIFO":
            os.mkfifo(path)
        case _:
            path.write_bytes(
                {
                    "emptied": b"",
                    "cut": content[: len(content) // 2],
                    "short of a byte": content.rstrip()[:-1],
                    "noise": noise,
                    "zeros": bytes(len(content)),
                    "a changed byte": content[: len(content) // 2] + b"\xa7" + content[len(content) // 2 + 1 :],
                    "null": b"null",
                    "a list": b"[]\n",
                    "an object": b"{}\n",
                    "another object": b'[{"trial_id": 5, "config": null}]\n',
                    "too deep": b"[" * 100_000 + b"]" * 100_000,
                    "NaN": b'{"schema": NaN}',
                }[how]
            )


BYTES = ("deleted", "emptied", "cut", "short of a byte", "noise", "zeros", "a changed byte", "a folder", "a FIFO")
JSON = (*BYTES, "null", "a list", "an object", "another object", "too deep", "NaN")
