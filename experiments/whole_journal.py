"""The journal of a run folder, held against the checkpoints beside it: lines that were lost do not go unnoticed."""

import re
from pathlib import Path

from experiments.journal import JournalReader
from trashseg_core.errors import BadInput

REMEDY = "Restore it from a backup, or start a new search under another `--name`."


def read_whole_journal(folder: Path, remedy: str = REMEDY) -> JournalReader:
    """Read a run folder's journal, empty where there is none and no checkpoint either. No search may be writing it.

    A trial is recorded before it starts, and an epoch before the next one starts. So checkpoints of an unknown trial,
    or two epochs ahead of the record, mean that lines of the journal are lost, not that nothing was done.

    Args:
        remedy: what to do where lines are missing.

    Raises:
        BadInput: a line is damaged, or lines are missing.
    """
    journal = JournalReader(folder / "journal.jsonl")
    for path in sorted((folder / "trials").glob("t*/epoch_*")):
        epoch = re.fullmatch(r"epoch_(\d{1,9})", path.name)
        record = journal.trials.get(path.parent.name)
        recorded = max(record.epochs, default=0) if record is not None else -1
        if epoch is not None and int(epoch[1]) > recorded + 1:
            raise BadInput(
                f"{journal.path}: damaged, lines are missing: trials/{path.parent.name}/{path.name} is there, but the "
                f"journal ends {'before that trial' if record is None else f'at its epoch {recorded}'}. {remedy}"
            )
    return journal
