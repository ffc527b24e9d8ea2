"""ArrayFile: an array of bytes on disk that threads fill piece by piece."""

import math
import os
from pathlib import Path

import numpy as np

from trashseg_core.disk.full_disk import named_errors


class ArrayFile:
    """A .npy file of uint8, written and not mapped: on a full disk a write is an error that can be told, but the
    kernel ends a process that touches mapped memory (SIGBUS)."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        """Create the file, all zeros."""
        self._path, self._stride = path, math.prod(shape[1:])
        self._stream = open(path, "xb", buffering=0)
        np.lib.format.write_array_header_1_0(self._stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
        self._offset = self._stream.tell()
        self._stream.truncate(self._offset + math.prod(shape))

    def put(self, index: int, values: np.ndarray) -> None:
        """Write uint8 values from row `index` of the first axis on.

        Raises:
            OSError: naming the file.
        """
        left = memoryview(np.ascontiguousarray(values, np.uint8).data).cast("B")
        place = self._offset + index * self._stride
        with named_errors(self._path):
            while left:
                written = os.pwrite(self._stream.fileno(), left, place)
                left, place = left[written:], place + written

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
