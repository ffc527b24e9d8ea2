"""Checksums: the models of an ensemble are used only as they were written, not with a bit that a disk has changed."""

from pathlib import Path

from trashseg_core.disk.files import file_digest, read_json, write_json
from trashseg_core.errors import BadInput

FILE = "checksums.json"
MEMBERS = "members"
REMEDY = "Copy the folder again, or build it again with `ensemble`."


def write_checksums(folder: Path) -> None:
    """Write SHA-256 of every file of the members."""
    paths = sorted(path for path in (folder / MEMBERS).rglob("*") if path.is_file())
    write_json(folder / FILE, {str(path.relative_to(folder)): file_digest(path) for path in paths})


def check_files(folder: Path) -> None:
    """Hold the members' files against the checksums; folders of older versions have none.

    Raises:
        BadInput: naming the first file that is missing or holds something else, and what to do.
    """
    if not (folder / FILE).exists():
        return
    sums = read_json(folder / FILE, REMEDY)
    if not isinstance(sums, dict):
        raise BadInput(f"{folder / FILE}: damaged (not an object). {REMEDY}")
    known = {str(path.relative_to(folder)): path for path in (folder / MEMBERS).rglob("*") if path.is_file()}
    for name, digest in sums.items():
        if name not in known:  # only files of the folder itself are looked at, whatever the names say
            raise BadInput(f"{folder}/{name[:200]}: cannot be read (it is not there). {REMEDY}")
        if file_digest(known[name]) != digest:
            raise BadInput(f"{known[name]}: damaged, it is not what was written. {REMEDY}")
