"""The evidence in the terminal says what was measured, also where that is nothing."""

import io
from typing import Any

from rich.console import Console

from experiments.evidence_table import print_evidence


def printed(**row: Any) -> str:
    stream = io.StringIO()
    print_evidence([{"name": "offsets", "kept": False, "why": "", **row}], Console(file=stream, width=120))
    return stream.getvalue()


def test_a_gain_of_nothing_is_printed_with_its_error() -> None:
    assert "+0.0000 ± 0.0120" in printed(gain=0.0, error=0.012)
    assert "±" not in printed().split("why")[1]
