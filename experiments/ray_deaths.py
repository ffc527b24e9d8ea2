"""Deaths of trials' processes, as Ray Tune tells them: every kind is the trial's, none the search's."""

from pathlib import Path
from typing import Any

from ray.exceptions import RayActorError, RayError, RayTaskError


def tell_deaths() -> None:
    """Have Tune 2.60 try a trial again whatever its process died of, and whenever.

    Once; a Ray without these places is left as it is.
    """
    try:
        from ray.air.execution._internal.actor_manager import RayActorManager
        from ray.tune.execution.tune_controller import TuneController

        if RayActorManager._actor_task_failed.__name__ != "told_as_death":
            _tell_every_kind(RayActorManager)
            _tell_once(TuneController)
    except (ImportError, AttributeError):
        return


def _tell_every_kind(manager_class: Any) -> None:
    """Tell what Tune does not know as a death as one: what Ray's memory monitor ends would end the search."""
    told_by_ray = manager_class._actor_task_failed

    def told_as_death(manager: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
            exception = RayActorError(error_msg=f"{type(exception).__name__}: {exception}")
        told_by_ray(manager, tracked_actor_task, exception)

    manager_class._actor_task_failed = told_as_death


def _tell_once(controller_class: Any) -> None:
    """Tell a trial once that the process it was to take over is dead.

    Tune tells it twice, of the process and of its reset. The first has the trial tried again, the second would end it.
    """
    told_by_tune = controller_class._trial_task_failure

    def told_once(controller: Any, trial: Any, exception: Exception) -> None:
        resetting = trial in getattr(controller, "_resetting_trials", ()) and isinstance(exception, RayActorError)
        if resetting and trial.status != trial.RUNNING:  # the first one sets that
            controller._resetting_trials.discard(trial)
            return
        told_by_tune(controller, trial, exception)

    controller_class._trial_task_failure = told_once


def text_of_death(trial: Any) -> str:
    """What Ray knows of the last death of a trial's process; empty where it noted nothing.

    Tune's own `get_error` looks into the storage, where the file is only much later.
    """
    try:
        text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
    except (OSError, TypeError):  # no file, no name of one
        return ""
    return text.rpartition("Failure # ")[2].partition("\n")[2].strip()
