"""A trial that the time budget ends keeps the epoch that it had checkpointed, but not reported any more."""

from pathlib import Path

import pytest
import torch

from experiments.checkpoints.unrecorded import record_last_epochs
from experiments.journal import Journal
from experiments.settings import SearchSettings
from tests.test_trial_folder import checkpoint
from trashseg_core.checkpoint import STATE


@pytest.mark.parametrize(
    ("recorded", "status", "expected"),
    [(1, None, [1, 2]), (2, None, [1, 2]), (0, None, []), (1, "finished", [1])],
)
def test_one_epoch_ahead_of_the_record_of_an_open_trial_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: int, status: str | None, expected: list[int]
) -> None:
    settings = SearchSettings("data", "quick", "first", out=str(tmp_path))
    monkeypatch.setattr("experiments.checkpoints.trial_folder.check_whole", lambda _: None)
    monkeypatch.setattr("experiments.checkpoints.trial_folder.read_config", lambda _: None)
    folder, score = checkpoint(settings.folder / "trials" / "t0000" / "epoch_0002", 7)
    torch.save({"epoch": 2, "metrics": {"epoch": 2, "val_miou": score}}, folder / STATE)
    journal = Journal(settings.folder / "journal.jsonl")
    journal.add_trial({}, {}, {})
    for epoch in range(1, recorded + 1):
        journal.add_epoch("t0000", epoch, {"val_miou": 0.1})
    if status is not None:
        journal.end_trial("t0000", status)
    record_last_epochs(journal, settings)
    journal.close()
    assert sorted(Journal(journal.path).trials["t0000"].epochs) == expected
