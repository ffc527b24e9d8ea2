"""A line of the journal is believed only where a search can have written it."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.journal import Journal, JournalReader
from trashseg_core.errors import BadInput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of two trials; the first one has ended."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.begin({"epochs": 2})
    journal.add_trial({"lr": 0.1}, {"lr": "{}"}, {"lr": 0.1})
    journal.add_trial({"lr": 0.2}, {"lr": "{}"}, {"lr": 0.2})
    journal.add_epoch("t0000", 1, {"val_miou": 0.4})
    journal.end_trial("t0000", "finished")
    journal.close()
    return journal.path


def changed(path: Path, number: int, **replaced: Any) -> Path:
    """Replace fields in a line, counted from 1."""
    lines = path.read_text().splitlines()
    lines[number - 1] = json.dumps({**json.loads(lines[number - 1]), **replaced})
    path.write_text("\n".join([*lines, ""]))
    return path


def test_what_a_journal_writes_it_reads(path: Path) -> None:
    assert JournalReader(path).trials["t0000"].status == "finished"


@pytest.mark.parametrize(
    ("number", "replaced"),
    (
        (1, {"settings": []}),
        (2, {"params": "None"}),
        (2, {"params": {"lr": [0.1]}}),
        (2, {"config": {"lr": {}}}),
        (2, {"distributions": {"lr": 5}}),
        (2, {"key": "../../t0000"}),
        (2, {"key": 5}),
        (2, {"time": "soon"}),
        (2, {"time": 1e300}),
        (2, {"event": "unknown"}),
        (4, {"epoch": 0}),
        (4, {"epoch": 1.5}),
        (4, {"epoch": 10**9}),
        (4, {"metrics": {"val_miou": "0.4"}}),
        (4, {"metrics": {"val_miou": float("nan")}}),
        (4, {"metrics": {"val_miou": None}}),
        (5, {"status": "fine"}),
        (5, {"error": 5}),
        (5, {"measured": {"parameters_m": 10**400}}),
    ),
    ids=str,
)
def test_a_line_that_no_search_writes_is_damaged(path: Path, number: int, replaced: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=f"line {number} is damaged"):
        JournalReader(changed(path, number, **replaced))


def test_a_line_nested_without_end_is_damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"[" * 200_000 + b"\n")
    with pytest.raises(BadInput, match="line 6 is damaged"):
        JournalReader(path)


def test_no_trial_gets_the_number_of_another_where_a_line_is_lost(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], *lines[2:]]))
    with pytest.raises(BadInput, match="line 2 is damaged"):
        Journal(path)


def test_no_trial_begins_twice(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[1]]))
    with pytest.raises(BadInput, match="line 6 is damaged"):
        Journal(path)
