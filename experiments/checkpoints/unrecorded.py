"""The epoch that a trial had checkpointed, but not reported any more, when the time budget ended it."""

import math

from experiments.journal import Journal
from experiments.settings import SearchSettings


def record_last_epochs(journal: Journal, settings: SearchSettings) -> None:
    """Record the epoch that each trial without an end is ahead of its record, as a resume would report it again.

    Its checkpoint may have taken the place of the best one before it: unrecorded, the trial would have none.
    """
    from experiments.checkpoints.trial_folder import TrialFolder
    from experiments.recorder import own_metrics
    from trashseg_core.checkpoint import read_state

    for record in [one for one in journal.trials.values() if one.status is None]:
        path = settings.folder / "trials" / record.key
        last = TrialFolder(path, settings.objective).last() if path.is_dir() else None
        if last is None:
            continue
        metrics = read_state(last)["metrics"]
        if metrics["epoch"] == max(record.epochs, default=0) + 1 and math.isfinite(metrics[settings.objective]):
            journal.add_epoch(record.key, int(metrics["epoch"]), own_metrics(metrics))
