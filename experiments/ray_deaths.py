"""Deaths of trials' processes, as Ray Tune tells them: every kind is the trial's, none the search's."""

from pathlib import Path
from typing import Any

from ray.exceptions import RayActorError, RayError, RayTaskError


def tell_deaths() -> None:
    """Have Tune try a trial again whose process Ray's memory monitor ended; Ray 2.60 would end the whole search.

    What Tune does not know as the death of a process is told as one. Once; a Ray without the place is left as it is.
    """
    try:
        from ray.air.execution._internal.actor_manager import RayActorManager

        told_by_ray = RayActorManager._actor_task_failed
    except (ImportError, AttributeError):
        return
    if told_by_ray.__name__ == "told_as_death":
        return

    def told_as_death(manager: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
            exception = RayActorError(error_msg=f"{type(exception).__name__}: {exception}")
        told_by_ray(manager, tracked_actor_task, exception)

    RayActorManager._actor_task_failed = told_as_death  # type: ignore[method-assign, assignment]


def text_of_death(trial: Any) -> str:
    """What Ray knows of the last death of a trial's process; empty where it noted nothing.

    Tune's own `get_error` looks into the storage, where the file is only much later.
    """
    try:
        text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
    except (OSError, TypeError):  # no file, no name of one
        return ""
    return text.rpartition("Failure # ")[2].partition("\n")[2].strip()
