"""Deaths of trials' processes, as Ray Tune tells them: every kind is the trial's, none the search's."""

from pathlib import Path
from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import RayActorError, RayError, RayTaskError

_told_by_ray = RayActorManager._actor_task_failed


def _told_as_death(manager: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
    """Pass on a failed task; what Tune does not know as the death of a process is told as one."""
    if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
        exception = RayActorError(error_msg=f"{type(exception).__name__}: {exception}")
    _told_by_ray(manager, tracked_actor_task, exception)


def tell_deaths() -> None:
    """Have Tune try a trial again whose process Ray's memory monitor ended; Ray 2.60 would end the whole search."""
    RayActorManager._actor_task_failed = _told_as_death  # type: ignore[method-assign, assignment]


def text_of_death(trial: Any) -> str:
    """What Ray knows of the last death of a trial's process; empty where it noted nothing.

    Tune's own `get_error` looks into the storage, where the file is only much later.
    """
    try:
        text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
    except (OSError, TypeError):  # no file, no name of one
        return ""
    return text.rpartition("Failure # ")[2].partition("\n")[2].strip()
