"""From a folder of COCO-annotated trash photos to the best ensemble's submission: one verb per job.

Examples: python run_search.py sample-data DATA
          python run_search.py search --data DATA --space quick --name first --trials 6 --epochs 9
          python run_search.py status runs/first
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from experiments.interpreter import end_without
from experiments.signals import end_on_signals, ignore_signals

if __name__ == "__main__":
    end_on_signals()
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

try:
    import tyro

    from experiments.manifest import LOCK
    from experiments.settings import Crf, EnsembleSize, Method, Pool, Soup, Tta
    from experiments.verbs.bundle_verbs import BUNDLE_VERBS
    from experiments.verbs.command_line import Verb, run_command
    from experiments.verbs.completion import Shell
    from experiments.verbs.data_options import DataOptions
    from experiments.verbs.data_verbs import DATA_VERBS
    from experiments.verbs.look_verbs import LOOK_VERBS
    from experiments.verbs.round_verbs import ROUND_VERBS
    from experiments.verbs.search_verbs import SEARCH_VERBS
    from experiments.verbs.shakeup_verb import SHAKEUP_VERBS
    from experiments.verbs.study_verbs import STUDY_VERBS
    from experiments.verbs.sync import sync
except ModuleNotFoundError as error:
    end_without(error)


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

    What is not given stays as the search was started.

    Example: python run_search.py ensemble runs/first --top-k 8 --tta flips

    Args:
        run: run folder, e.g. runs/first
        top_k: number of best trials to choose from
        pool: the top-k trials, or all that ran through
        method: how candidates are weighted; auto takes the simplest within one standard error of the best, backtest
            what would have done best on private parts of val
        tta: views of a photo that are averaged; auto mirrors photos for those members that it helps
        crf: dense CRF; auto keeps it if it helps
        soup: also offer means of weights
        ensemble_size: pixels of val that choose
        store_gb: most disk for predictions, in 10^9 bytes
    """
    given = {name: value for name, value in locals().items() if name != "run" and value is not None}
    from experiments.ensembling import build_ensemble
    from experiments.manifest import read_own_manifest
    from experiments.showing.summary import expectation, held_out_text
    from experiments.tracking.mirror import try_to_bring
    from trashseg_core.disk.locks import locked

    settings = replace(read_own_manifest(run).settings, **given)
    with locked(run / LOCK, wait=False):
        built = build_ensemble(run, settings)
        try_to_bring(settings, print)
    members = ", ".join(f"{member.trial_id} x {member.weight:.2f}" for member in built.members)
    print(f"{run / 'ensemble'}: val mIoU {built.val_miou:.4f}, held out {held_out_text(built)}: {members}")
    for sentence in expectation(built):
        print(sentence)


def report(run: Annotated[Path, tyro.conf.Positional], /) -> None:
    """Draw the pictures and write report.html anew.

    Example: python run_search.py report runs/first

    Args:
        run: run folder, e.g. runs/first
    """
    from experiments.manifest import read_own_manifest
    from experiments.stages import write_pictures_and_report
    from trashseg_core.disk.locks import locked

    settings = read_own_manifest(run).settings
    with locked(run / LOCK, wait=False):
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

    Examples: python run_search.py train --data DATA --set encoder_name=resnet18 epochs=20 --out runs/single
              python run_search.py train --from runs/first --trial t0003 --out runs/again

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

    Example: python run_search.py ui runs/first

    Args:
        run: run folder, e.g. runs/first
        port: 0 takes a free one
    """
    from experiments.manifest import read_own_manifest
    from experiments.ui import serve

    serve(read_own_manifest(run).settings, port)


def completion(shell: Annotated[Shell, tyro.conf.Positional], /) -> None:
    """Print the completion of verbs, flags and choices for a shell.

    Examples: source <(python run_search.py completion bash)     # in ~/.bashrc, with the path of run_search.py
              source <(python run_search.py completion zsh)      # in ~/.zshrc
              python run_search.py completion fish | source      # in ~/.config/fish/config.fish

    Args:
        shell: bash, zsh or fish
    """
    from experiments.verbs.completion import script

    print(script(shell, VERBS), end="")


VERBS: dict[str, Verb] = {
    **SEARCH_VERBS,
    **ROUND_VERBS,
    **LOOK_VERBS,
    "ensemble": ensemble,
    **BUNDLE_VERBS,
    "report": report,
    "train": train,
    **DATA_VERBS,
    **STUDY_VERBS,
    **SHAKEUP_VERBS,
    "ui": ui,
    "sync": sync,
    "completion": completion,
}


def main(arguments: list[str]) -> int:
    """Run one verb and return the exit code: 0 fine, 1 failed, 2 bad input, 130 interrupted, 143 terminated."""
    return run_command(VERBS, __doc__ or "", arguments)


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    ignore_signals()
    sys.exit(exit_code)
