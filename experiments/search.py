"""The search: a Ray Tune Tuner around a trainable, with this project's searcher, scheduler and record."""

import logging
import os
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # all read on import: nothing phones home, nothing is printed
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "3600")

import ray
from ray import tune

from experiments.guardian import start_guardian
from experiments.journal import Journal
from experiments.keeper import Keeper
from experiments.policy.promotion import PromotionAsha
from experiments.policy.scheduler import RestoredAsha
from experiments.recorder import Listener, Recorder
from experiments.resources import Slots, plan_slots
from experiments.searcher import OptunaSearcher, Space
from experiments.settings import SearchSettings
from experiments.space_check import default_point
from trashseg_core.errors import BadInput

MAX_FAILURES = 3
"""Deaths of a trial's process (out of memory, lost node) that are followed by another try from its checkpoint."""
Trainable = Callable[[dict[str, Any]], None]


def start_ray(settings: SearchSettings) -> Slots:
    """Connect to the cluster, or start Ray on this machine, and divide its resources among the trials.

    Raises:
        BadInput: there is no cluster at the address, or one trial needs more than there is.
    """
    warnings.filterwarnings("ignore", category=FutureWarning, module="ray")
    if not ray.is_initialized():
        try:
            if settings.ray_address:
                ray.init(address=settings.ray_address, logging_level=logging.ERROR, log_to_driver=False)
            else:
                ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
        except (ConnectionError, ValueError) as error:
            reason = str(error).strip().splitlines()[0][:160]
            raise BadInput(f"`--ray-address {settings.ray_address}`: no cluster answers ({reason}).") from None
        token = Path.home() / ".ray" / "auth_token"
        if token.exists():
            token.chmod(0o600)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    return plan_slots(settings, ray.cluster_resources())


def build_tuner(
    settings: SearchSettings,
    space: Space,
    trainable: Trainable,
    *,
    journal: Journal | None = None,
    listeners: tuple[Listener, ...] = (),
) -> tune.Tuner:
    """Create a Tuner around any function trainable that reports `settings.objective` and `epoch`.

    Trials that the journal holds are not run again; those without an end go on first. A trainable finds its own
    identity, the same through kills and retries, in `params["trial_key"]`.

    Args:
        space: `space(trial)`, suggesting what the trainable gets.
        journal: the search's record; by default the one in the run folder.
        listeners: who else wants to know how the trials go.
    """
    slots = start_ray(settings)
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots.concurrent)  # start all slots at once, not one by one
    settings.folder.mkdir(parents=True, exist_ok=True)
    journal = journal or Journal(settings.folder / "journal.jsonl")
    halving = (journal, settings.objective, settings.epochs, settings.first_rung, settings.reduction_factor)
    promotion = None
    if settings.scheduler == "promotion":
        promotion = PromotionAsha(*halving, settings.trials, slots.concurrent)
    scheduler = promotion or RestoredAsha(*halving)
    searcher = OptunaSearcher(
        space,
        journal,
        settings.objective,
        settings.trials,
        slots.concurrent,
        seed=settings.seed,
        pins=settings.pins,
        first_point=default_point(space, settings.pins),
        cut=scheduler.cut,
        first_rung=settings.first_rung,
        sampler=settings.sampler,
        promotion=promotion,
    )
    keeper = Keeper(journal, settings, promotion)
    keeper.tidy()
    return tune.Tuner(
        tune.with_resources(trainable, {"cpu": slots.cpus, "gpu": slots.gpus}),
        tune_config=tune.TuneConfig(
            metric=settings.objective,
            mode="max",
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=-1,
            reuse_actors=True,
            time_budget_s=settings.time_budget,
        ),
        run_config=tune.RunConfig(
            name=f"{settings.name}-{time.time_ns()}",
            storage_path=_absolute(settings.storage) if settings.storage else str(settings.folder / "ray"),
            failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
            callbacks=[Recorder(journal, settings.objective, (*listeners, keeper), keeper.make_room)],
            verbose=0,
        ),
    )


def run(
    settings: SearchSettings, space: Space, trainable: Trainable, journal: Journal, listeners: tuple[Listener, ...]
) -> None:
    """Run the trials that the journal does not hold an end of, and stop Ray. Safe to repeat after any kill."""
    local = settings.folder / "ray"
    if settings.storage is None:
        shutil.rmtree(local, ignore_errors=True)  # what an earlier start left; the journal is the truth
    guardian = start_guardian()
    try:
        build_tuner(settings, space, trainable, journal=journal, listeners=listeners).fit()
    finally:
        ray.shutdown()
        assert guardian.stdin is not None
        guardian.stdin.close()  # it ends by itself, seconds later, when Ray's helpers have
        if settings.storage is None:
            shutil.rmtree(local, ignore_errors=True)


def _absolute(storage: str) -> str:
    """A storage folder as an absolute path, since workers run elsewhere; a URI as it is."""
    return storage if "://" in storage else str(Path(storage).absolute())
