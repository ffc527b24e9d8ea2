"""The words of a command, before anybody asks what they stand for: what no verb could use is refused."""

import errno
import os
import stat

MAX_LENGTH = 4096
"""Characters of one word: as many as a path may have."""
ARCHIVES = {b"PK\x03\x04": 0, b"PK\x05\x06": 0, b"ustar": 257, b"\x1f\x8b": 0, b"BZh": 0, b"\xfd7zXZ\x00": 0}
ARCHIVES |= {b"(\xb5/\xfd": 0, b"7z\xbc\xaf\x27\x1c": 0, b"Rar!\x1a\x07": 0}
"""First bytes of zip, tar, gzip, bzip2, xz, zstd, 7z and rar files, and where they stand."""


def fault_in(arguments: list[str]) -> str | None:
    """What makes a word unusable whatever it stands for, or None. No file is opened that could wait or be unpacked."""
    for number, word in enumerate(arguments, 1):
        if not word:
            return f"Word {number} of the command is empty. Is the variable that stands there set?"
        if "\0" in word or len(word) > MAX_LENGTH:
            what = "holds a NUL character" if "\0" in word else f"has {len(word)} characters, above {MAX_LENGTH}"
            return f"Word {number} of the command, {word[:40]!r}, {what}. Check it."
        name = word.partition("=")[2] if word.startswith("--") else word
        if fault := _fault_in_file(name):
            return f"{name}: {fault}"
    return None


def _fault_in_file(name: str) -> str | None:
    """What is wrong with a word that names a file; None where it names none, or one that a verb may look into."""
    try:
        kind = os.stat(name).st_mode
        if not stat.S_ISREG(kind):
            return None if stat.S_ISDIR(kind) else "not a regular file. Give a file or a folder."
        with open(name, "rb") as stream:
            start = stream.read(512)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ELOOP:
            return "a link that leads to itself. Give another path."
        return None  # no name of a file, or one that may not be read: the verb says so
    if any(start[at : at + len(magic)] == magic for magic, at in ARCHIVES.items()):
        return "an archive, and no verb looks into one. Unpack it first, and give the folder."
    return None
