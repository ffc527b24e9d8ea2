"""The command line of trashseg: one verb per job.

Example: python run_search.py search --data DATA --space quick --name first
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import tyro

from experiments.settings import Crf, EnsembleSize, Method, Pool, SearchSettings, Soup, Tta
from experiments.verbs.bundle_verbs import BUNDLE_VERBS
from experiments.verbs.command_line import Verb, run_command
from experiments.verbs.data_options import DataOptions
from experiments.verbs.data_verbs import DATA_VERBS
from trashseg_core.errors import BadInput


def search(settings: Annotated[SearchSettings, tyro.conf.arg(name="")]) -> None:
    """Search, then build the ensemble, the submission and the report.

    Example: python run_search.py search --data DATA --space quick --name first --trials 6 --epochs 9
    """
    from experiments.preflight import LOCK, make_folders, prepare
    from trashseg_core.files import locked

    make_folders(settings)
    with locked(settings.folder / LOCK, wait=False):
        manifest = prepare(settings)
        from experiments.stages import run_all

        run_all(manifest)


def resume(
    run: Annotated[Path, tyro.conf.Positional],
    /,
    trials: int | None = None,
    time_budget: float | None = None,
    ray_address: str | None = None,
    disk_gb: float | None = None,
) -> None:
    """Go on with a search where it stopped; every checkpointed epoch is kept.

    Args:
        run: run folder, e.g. runs/first
        trials: raise the number of trials
        time_budget: new budget in seconds
        ray_address: address of the Ray cluster, where it is another one now
        disk_gb: new budget of all checkpoints, in 10^9 bytes
    """
    from experiments.preflight import reopen
    from trashseg_core.files import locked

    if not run.is_dir():
        raise BadInput(f"{run}: no such run folder. Start a search with `search`.")
    with locked(run / ".lock", wait=False):
        manifest = reopen(run)
        given = {"trials": trials, "time_budget": time_budget, "ray_address": ray_address, "disk_gb": disk_gb}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        manifest.settings = replace(manifest.settings, **changes)
        manifest.write(run)
        from experiments.stages import run_all

        run_all(manifest)


def ensemble(
    run: Annotated[Path, tyro.conf.Positional],
    /,
    top_k: int | None = None,
    pool: Pool | None = None,
    method: Method | None = None,
    tta: Tta | None = None,
    crf: Crf | None = None,
    soup: Soup | None = None,
    ensemble_size: EnsembleSize | None = None,
    store_gb: float | None = None,
) -> None:
    """Build the ensemble of a search's best trials anew; candidates predicted before are not predicted again.

    Every flag is by default as the search was started.

    Args:
        run: run folder, e.g. runs/first
        top_k: number of best trials to choose from
        pool: the top-k trials, or all that ran through
        method: how candidates are weighted; auto takes the simplest within one standard error of the best
        tta: views of a photo that are averaged; auto mirrors photos for those members that it helps
        crf: dense CRF; auto keeps it if it helps
        soup: also offer means of weights
        ensemble_size: pixels of val that choose
        store_gb: most disk for predictions, in 10^9 bytes
    """
    given = {name: value for name, value in locals().items() if name != "run" and value is not None}
    from experiments.ensembling import build_ensemble
    from experiments.manifest import read_manifest
    from experiments.stages import held_out_text
    from trashseg_core.files import locked

    settings = replace(read_manifest(run).settings, **given)
    with locked(run / ".lock", wait=False):
        built = build_ensemble(run, settings)
    members = ", ".join(f"{member.trial_id} x {member.weight:.2f}" for member in built.members)
    print(f"{run / 'ensemble'}: val mIoU {built.val_miou:.4f}, held out {held_out_text(built)}: {members}")


def report(run: Annotated[Path, tyro.conf.Positional], /) -> None:
    """Draw the pictures and write report.html anew.

    Args:
        run: run folder, e.g. runs/first
    """
    from experiments.manifest import read_manifest
    from experiments.stages import write_pictures_and_report

    settings = read_manifest(run).settings
    print(write_pictures_and_report(run, settings.data_folder, settings.objective))


def train(
    options: Annotated[DataOptions, tyro.conf.arg(name="")],
    data: Path | None = None,
    out: Path = Path("runs/single"),
    set: tuple[str, ...] = (),
    from_: Annotated[Path | None, tyro.conf.arg(name="from")] = None,
    trial: str | None = None,
    threads: int = 1,
    teacher: Path | None = None,
) -> None:
    """Train one configuration without Ray, or a trial of a search again; the same seed and threads, the same numbers.

    Args:
        options: how the data folder is read
        data: data folder; with --from, the search's by default
        out: folder for the checkpoints; run again, it goes on from the last one
        set: hyperparameters, field=value
        from_: run folder whose trial is taken
        trial: id of that trial, e.g. t0003
        threads: CPU threads; the numbers of a search are those of its --cpus-per-trial
        teacher: ensemble folder to distil: half of the loss becomes the divergence from what it says of each batch;
            another share with --set distill_weight=...
    """
    from experiments.verbs.single import train_single

    folder = None if data is None else options.folder(data)
    train_single(folder, out, set, from_, trial, threads, teacher)


def ui(run: Annotated[Path, tyro.conf.Positional], /, port: int = 5000) -> None:
    """Open the MLflow UI of a search on 127.0.0.1.

    Args:
        run: run folder, e.g. runs/first
        port: 0 takes a free one
    """
    from experiments.manifest import read_manifest
    from experiments.ui import serve

    serve(read_manifest(run).settings, port)


VERBS: dict[str, Verb] = {
    "search": search,
    "resume": resume,
    "ensemble": ensemble,
    **BUNDLE_VERBS,
    "report": report,
    "train": train,
    **DATA_VERBS,
    "ui": ui,
}


def main(arguments: list[str]) -> int:
    """Run one verb and return the exit code: 0 fine, 1 failed, 2 bad input, 130 interrupted, 143 terminated."""
    return run_command(VERBS, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
