"""Tiny networks in place of real ones, so that thousands of files can be loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import trashseg_core.checkpoint
import trashseg_core.train
import trashseg_core.weights_file
from tests.tiny import tiny_network, tiny_shapes


@contextmanager
def tiny_networks() -> Iterator[None]:
    """Have every network of this process built tiny."""
    with (
        patch.object(trashseg_core.checkpoint, "build_model", tiny_network),
        patch.object(trashseg_core.train, "build_model", tiny_network),
        patch.object(trashseg_core.weights_file, "weight_shapes", tiny_shapes),
    ):
        yield
