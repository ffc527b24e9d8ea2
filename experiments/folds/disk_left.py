"""What is left of a search's disk budget for the models of its folds."""

from experiments.checkpoints.disk_budget import bytes_below
from experiments.checkpoints.keeper import Keeper
from experiments.folds.fold_models import fold_sources
from experiments.journal import JournalReader
from experiments.settings import SearchSettings
from trashseg_core.errors import BadInput

SPARE = 2
"""Checkpoints beside one for each model: what is written while others train."""


def disk_left(settings: SearchSettings, num_models: int) -> float | None:
    """Share the disk budget of a search with the models of its folds.

    Where these would not fit, trials of the search beyond the `top_k` lose their weights first, as they do for trials.

    Args:
        num_models: models of all folds but the search's own.

    Returns:
        10^9 bytes that the folds' checkpoints may take; None without a budget.

    Raises:
        BadInput: the search's checkpoints leave less than one model takes.
    """
    if settings.disk_bytes is None:
        return None
    trials = settings.folder / "trials"
    largest = max(bytes_below(settings.folder / str(one.checkpoint)) for one in fold_sources(settings))
    if settings.disk_bytes - bytes_below(trials) < largest * (num_models + SPARE):
        Keeper(JournalReader(settings.folder / "journal.jsonl"), settings).keep_candidates_only()
    left = settings.disk_bytes - bytes_below(trials)
    if left < largest:
        raise BadInput(
            f"`--disk-gb {settings.disk_gb:g}`: the search's own checkpoints leave {max(0, left) / 1e9:.3g} of it, but "
            f"a model of a fold takes {largest / 1e9:.3g}. Raise it: `resume {settings.folder} --disk-gb X`."
        )
    return left / 1e9
