"""The search: a Ray Tune Tuner around a trainable, with this project's searcher, scheduler and record."""

import math
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # all read on import: nothing phones home, nothing is printed
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "3600")

import ray
from ray import tune

from experiments.checkpoints.keeper import Keeper
from experiments.journal import Journal, TrialRecord
from experiments.limits import Limits
from experiments.placement.bookkeeping import tune_storage
from experiments.placement.cluster import check_nodes, living_nodes, shipped_code
from experiments.placement.guardian import guarded
from experiments.placement.local_ray import code_from_here_only, keep_token_private, to_itself
from experiments.placement.ray_folder import check_room, private_folder
from experiments.placement.resources import Slots, fewer_than_asked, fit_nodes, plan_slots
from experiments.placement.trial_memory import fit_memory
from experiments.placement.vital import vital
from experiments.placement.watchdog import Watchdog
from experiments.points.space_check import default_point
from experiments.policy.promotion import PromotionAsha
from experiments.policy.scheduler import RestoredAsha
from experiments.ray_deaths import tell_deaths
from experiments.ray_silence import QUIET, NoProgress, silence_ray
from experiments.recorder import Listener, Recorder
from experiments.searcher import OptunaSearcher, Space
from experiments.secrets import redacted
from experiments.settings import SearchSettings
from experiments.signals import kept_handlers
from trashseg_core.errors import BadInput

MAX_FAILURES = 3
"""Deaths of a trial's process (out of memory, lost node) that are followed by another try from its checkpoint."""
Trainable = Callable[[dict[str, Any]], None]


def start_ray(settings: SearchSettings, trial_memory_mb: float = 0.0) -> Slots:
    """Connect to the cluster, or start Ray on this machine, and divide its resources among the trials.

    Args:
        trial_memory_mb: memory of one trial at most, in MiB; 0 where that is not known.

    Raises:
        BadInput: no cluster at the address accepts this driver, or one trial needs more than there is.
    """
    silence_ray()
    keep_token_private(make=settings.ray_address is None)
    check_room()
    if not ray.is_initialized():
        try:
            with code_from_here_only(), kept_handlers():
                if settings.ray_address:
                    ray.init(settings.ray_address, runtime_env=shipped_code(), **QUIET)
                else:
                    with to_itself():
                        # never one that happens to run here
                        ray.init("local", include_dashboard=False, _temp_dir=private_folder(), **QUIET)
        except (ConnectionError, ValueError) as error:
            address, reason = redacted(settings.ray_address or ""), str(error).strip().splitlines()[0][:160]
            raise BadInput(
                f"`--ray-address {address}`: no cluster answers ({reason}). Is it up there, and are "
                "RAY_AUTH_MODE and the token in ~/.ray/auth_token here those that it was started with?"
            ) from None
    resources = ray.cluster_resources()
    slots = fit_nodes(plan_slots(settings, resources), [node["Resources"] for node in living_nodes()])
    return fit_memory(slots, resources, trial_memory_mb) if settings.concurrent == "auto" else slots


def build_tuner(
    settings: SearchSettings,
    space: Space,
    trainable: Trainable,
    *,
    journal: Journal | None = None,
    listeners: tuple[Listener, ...] = (),
    points: Sequence[dict[str, Any]] = (),
    warm: Sequence[TrialRecord] = (),
    trial_memory_mb: float = 0.0,
    on_slots: Callable[[int], None] = lambda _: None,
    say: Callable[[str], None] = print,
) -> tune.Tuner:
    """Create a Tuner around any function trainable that reports `settings.objective` and `epoch`.

    Trials that the journal holds are not run again; those without an end go on first. A trainable finds its own
    identity, the same through kills and retries, in `params["trial_key"]`.

    Args:
        space: `space(trial)`, suggesting what the trainable gets.
        journal: the search's record; by default the one in the run folder.
        listeners: who else wants to know how the trials go.
        points: of the space, to try right after the default one.
        warm: trials of earlier searches for the sampler.
        trial_memory_mb: memory of one trial at most, in MiB, as far as it is known.
        on_slots: is told how many trials may run side by side.
        say: is told of processes that died and are replaced, and of slots that are fewer than asked for.
    """
    slots = start_ray(settings, trial_memory_mb)
    on_slots(slots.concurrent)
    if (told := fewer_than_asked(settings, slots)) is not None:
        say(told)
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots.concurrent)  # start all slots at once, not one by one
    settings.folder.mkdir(parents=True, exist_ok=True)
    journal = journal or Journal(settings.folder / "journal.jsonl")
    halving = (journal, settings.objective, settings.epochs, settings.first_rung, settings.reduction_factor)
    promotion = None
    if settings.scheduler == "promotion":
        promotion = PromotionAsha(
            *halving, settings.trials, slots.concurrent, settings.second_objective, settings.full_trials
        )
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
        points=points,
        warm=warm,
        second_objective=settings.second_objective,
        limits=settings.limits,
    )
    keeper = Keeper(journal, settings, promotion)
    keeper.tidy()
    watchdog = Watchdog(journal, settings.folder / "trials", settings.hang_limit, ray.kill, say)

    def each_step(trials: list[Any]) -> None:
        keeper.make_room()
        watchdog.look(trials)

    tell_deaths()
    return tune.Tuner(
        tune.with_resources(trainable, tune.PlacementGroupFactory([slots.bundle] * slots.workers)),
        tune_config=tune.TuneConfig(
            metric=settings.objective,
            mode="max",
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=-1,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name=f"{settings.name}-{time.time_ns()}",
            failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
            callbacks=[
                Recorder(journal, settings.objective, (*listeners, keeper), settings.limits, each_step, say),
                NoProgress(),
            ],
            stop=Ending(settings.limits, settings.time_budget),
            verbose=0,
            **tune_storage(settings),
        ),
    )


class Ending(tune.Stopper):
    """Says when a trial is over, and when the time of all is. Tune's own budget goes by a clock that may be set."""

    def __init__(self, limits: Limits, budget_s: float | None) -> None:
        """The budget begins when the first trial may."""
        self._limits, self._budget_s, self._begun = limits, budget_s, 0.0

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether a trial ends with this report."""
        return is_last(result, self._limits)

    def stop_all(self) -> bool:
        """Whether the budget is spent."""
        self._begun = self._begun or time.monotonic()
        return self._budget_s is not None and time.monotonic() - self._begun >= self._budget_s


def is_last(result: Mapping[str, Any], limits: Limits) -> bool:
    """Whether a trial ends with this report: it breaks a limit, or its params say that it trains no longer."""
    return limits.broken(result) is not None or result.get("epoch", 0) >= result["config"].get("last_epoch", math.inf)


def cause_of(error: BaseException) -> BaseException:
    """What really ended Tune's loop: Ray wraps errors of callbacks, with the traceback as the message."""
    while isinstance(error, tune.TuneError) and (behind := error.__cause__ or error.__context__) is not None:
        error = behind
    return error


def run(
    settings: SearchSettings,
    space: Space,
    trainable: Trainable,
    journal: Journal,
    listeners: tuple[Listener, ...],
    **known: Any,
) -> None:
    """Run the trials that the journal does not hold an end of, and stop Ray. Safe to repeat after any kill.

    Args:
        known: what else `build_tuner` is to know.

    Raises:
        BadInput: the cluster cannot be used, or one of its nodes lacks the run folder or the data.
        RayDied: Ray itself was killed; another start goes on.
    """
    local = settings.folder / "ray"
    if settings.storage is None:
        shutil.rmtree(local, ignore_errors=True)  # what an earlier start left; the journal is the truth
    with nullcontext() if settings.ray_address else guarded():  # what runs a cluster is not ours to end
        try:
            with nullcontext() if settings.ray_address else vital():
                tuner = build_tuner(settings, space, trainable, journal=journal, listeners=listeners, **known)
                check_nodes(settings)
                tuner.fit()
        except tune.TuneError as error:
            raise cause_of(error) from error
        finally:
            with kept_handlers():
                ray.shutdown()
            if settings.storage is None:
                shutil.rmtree(local, ignore_errors=True)
