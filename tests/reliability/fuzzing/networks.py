"""Tiny networks in place of real ones, so that thousands of files can be loaded."""

import trashseg_core.checkpoint
import trashseg_core.train
from tests.tiny import tiny_network


def use_tiny_networks() -> None:
    """Have every network of this process built tiny."""
    trashseg_core.checkpoint.build_model = tiny_network
    trashseg_core.train.build_model = tiny_network
