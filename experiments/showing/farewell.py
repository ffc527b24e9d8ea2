"""The farewell of a search that does not reach its end: what is done, where it lies, and the command that goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.results import SearchFailed
from experiments.showing.options import Showing
from experiments.showing.run_status import read_status
from experiments.showing.wording import command
from trashseg_core.errors import BadInput


@contextmanager
def farewell(folder: Path, showing: Showing) -> Iterator[None]:
    """Add the farewell as a note to what interrupts the block; the frame of the command line prints it.

    Not to errors that going on would meet again.

    Args:
        folder: the run folder, as the user names it.
    """
    try:
        yield
    except (BadInput, SearchFailed):
        raise
    except BaseException as error:
        error.add_note(standing(folder, showing))
        raise


def standing(folder: Path, showing: Showing) -> str:
    """What a run folder holds, and how to go on from there."""
    try:
        status = read_status(folder)
    except BadInput:
        return f"Nothing is saved in {folder} yet; start it again."
    progress, folds = status.progress, status.folds
    records = progress.journal.trials.values()
    epochs = sum(len(record.epochs) for record in records)
    if not epochs:
        return f"Nothing is saved in {folder} yet; start it again."
    ended = sum(record.status is not None for record in records)
    models = "" if folds is None else f" and {folds.num_ended} of {folds.num_trials} models of folds"
    done = f"{ended} of {progress.num_trials} trials{models} have ended; their {epochs} epochs and every checkpoint"
    return f"{done} are kept in {folder}. Go on with: {command('resume', folder, *showing.flags)}"
