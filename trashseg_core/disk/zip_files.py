"""Zip files: `confusions.npz` and `state.pt` are archives inside. What they unpack to is looked at first."""

import zipfile
from pathlib import Path

from trashseg_core.disk.regular import NotRegular, open_regular, size_of
from trashseg_core.errors import BadInput

MAX_BYTES = 4_000_000_000
"""Of all members together, unpacked: confusion matrices of 20,000 photos and 150 classes have 3.6 * 10^9."""


def check_zip(path: Path, packed: bool = True) -> None:
    """Refuse an archive that would unpack to more than any of ours, before anything in it is read.

    Args:
        packed: its members may be compressed; torch's are not, so that they cannot be more than the file.

    Raises:
        BadInput: naming the file and what it would take.
        OSError, zipfile.BadZipFile: it cannot be read, or is no archive.
    """
    try:
        with open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
            size, total = size_of(stream), sum(member.file_size for member in archive.infolist())
    except NotRegular as error:
        raise BadInput(f"{path}: cannot be read ({error}).") from None
    if total > (MAX_BYTES if packed else size):
        raise BadInput(f"{path}: cannot be read (its {size:,} bytes unpack to {total:,}). Remove it.")
