"""The verbs that run a search: from its start, or from where it stopped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments.manifest import LOCK, Manifest, read_manifest
from experiments.settings import SearchSettings
from experiments.showing.options import Showing
from experiments.verbs.command_line import Verb
from trashseg_core.errors import BadInput


def search(
    settings: Annotated[SearchSettings, tyro.conf.arg(name="")],
    showing: Annotated[Showing, tyro.conf.arg(name="")],
) -> None:
    """Search, then build the ensemble, the submission and the report.

    Example: python run_search.py search --data DATA --space quick --name first --trials 6 --epochs 9
    """
    from experiments.preflight import make_folders, prepare
    from trashseg_core.disk.locks import locked

    make_folders(settings)
    with locked(settings.folder / LOCK, wait=False):
        go_on(lambda: prepare(settings), Path(settings.out) / settings.name, showing)


def resume(
    run: Annotated[Path, tyro.conf.Positional],
    /,
    trials: int | None = None,
    time_budget: float | None = None,
    ray_address: str | None = None,
    disk_gb: float | None = None,
    hang_limit: float | None = None,
    data: Path | None = None,
    *,
    showing: Annotated[Showing, tyro.conf.arg(name="")] = Showing(),  # noqa: B008 (frozen)
) -> None:
    """Go on with a search where it stopped; every checkpointed epoch is kept.

    What is not given stays as the search was started.

    Examples: python run_search.py resume runs/first
              python run_search.py resume runs/first --trials 40

    Args:
        run: run folder, e.g. runs/first
        trials: raise the number of trials
        time_budget: seconds for more trials, also where a budget is spent
        ray_address: address of the Ray cluster, where it is another one now
        disk_gb: new budget of all checkpoints, in 10^9 bytes
        hang_limit: seconds without a step after which a trial has failed
        data: data folder, where the same photos lie elsewhere now
        showing: how it is shown
    """
    from experiments.preflight import reopen
    from trashseg_core.disk.locks import locked

    read_run(run)
    given = {"trials": trials, "time_budget": time_budget, "ray_address": ray_address, "disk_gb": disk_gb}
    given |= {"hang_limit": hang_limit}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}

    def reopened() -> Manifest:
        manifest = reopen(run, data)
        manifest.settings = replace(manifest.settings, **changes)
        if time_budget is not None:
            manifest.renew_budget()  # as much again
        manifest.write(run)
        return manifest

    with locked(run / LOCK, wait=False):
        go_on(reopened, run, showing)


def read_run(run: Path) -> Manifest:
    """Read the manifest of a run folder before anything is locked: a folder that is something else stays as it is.

    Raises:
        BadInput: there is no such folder, or no search in it.
    """
    if not run.is_dir():
        raise BadInput(f"{run}: no such run folder. Start a search with `search`.")
    return read_manifest(run)


def go_on(begin: Callable[[], Manifest], place: Path, showing: Showing) -> None:
    """Run what is not done yet of a search, shown as asked for; an interruption says how to go on."""
    from experiments.showing.display import build_display
    from experiments.showing.farewell import farewell

    with build_display(showing) as display, farewell(place, showing):
        manifest = begin()
        from experiments.stages import run_all

        run_all(manifest, display, place)


SEARCH_VERBS: dict[str, Verb] = {"search": search, "resume": resume}
