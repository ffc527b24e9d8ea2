"""One configuration trained without Ray: a new one, or a trial of a search again."""

from pathlib import Path
from typing import Any

from experiments.manifest import read_manifest
from experiments.results import read_results
from trashseg_core.config import TrialConfig, parse_assignments
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput, did_you_mean
from trashseg_core.idle_settings import idle_settings

MAX_THREADS = 1024


def train_single(
    folder: DataFolder | None,
    out: Path,
    assignments: tuple[str, ...],
    run: Path | None,
    trial_id: str | None,
    threads: int,
    teacher: Path | None = None,
) -> None:
    """Train and print one line an epoch; go on from the last checkpoint in `out`.

    Raises:
        BadInput: no data, an unknown trial, a bad hyperparameter, or `out` holds another configuration.
    """
    params: dict[str, Any] = {}
    if not 1 <= threads <= MAX_THREADS:
        raise BadInput(f"The value of `--threads` is {threads}, but must be between 1 and {MAX_THREADS}.")
    if run is not None:
        params = _trial_params(run, trial_id)
        folder = folder or read_manifest(run).settings.data_folder
    if folder is None:
        raise BadInput("Nothing to train on. Give `--data DATA`, or `--from runs/NAME --trial ID`.")
    given = parse_assignments(assignments)
    config = TrialConfig.from_params({**params, **({} if teacher is None else {"distill_weight": 0.5}), **given})
    for sentence in idle_settings(given, [config]):
        print(f"warning: {sentence}")

    import torch

    from experiments.checkpoints.trial_folder import TrialFolder
    from experiments.terminal import progress_line
    from trashseg_core.checkpoint import read_config
    from trashseg_core.data.dataset import open_data
    from trashseg_core.models import check_model
    from trashseg_core.train import train
    from trashseg_core.training.distillation import load_teacher

    check_model(config)
    torch.set_num_threads(threads)
    opened = open_data(folder, config, progress_line("photos decoded"))
    for split, count in opened.left_out.items():
        photos = len(opened.train if split == "train" else opened.val)
        print(f"{split}: {count} bad entries left out, {photos} photos used")
    tutor = None if teacher is None else load_teacher(teacher, opened.train.class_names)
    kept = TrialFolder(out, "val_miou")
    last = kept.last()
    if last is not None and read_config(last) != config:
        raise BadInput(f"{out} holds checkpoints of another configuration. Give another `--out`.")

    def report(metrics: dict[str, float], checkpoint: Path) -> None:
        print(
            f"epoch {metrics['epoch']}/{config.epochs} val_miou {metrics['val_miou']:.4f} "
            f"val_loss {metrics['val_loss']:.4f} train_loss {metrics['train_loss']:.4f} "
            f"{metrics['images_per_s']:.1f} images/s",
            flush=True,
        )
        kept.keep(int(metrics["epoch"]), checkpoint, metrics["val_miou"])

    train(config, opened, report, resume_from=last, loader_threads=threads, scratch_dir=out, teacher=tutor)
    print(f"Checkpoints: {out}")


def _trial_params(run: Path, trial_id: str | None) -> dict[str, Any]:
    results = {result.trial_id: result for result in read_results(run / "results.json")}
    if trial_id is None:
        raise BadInput(f"`--from {run}` needs `--trial ID`. Trials: {', '.join(sorted(results)[:10])}.")
    if trial_id not in results:
        raise BadInput(f"{run} has no trial `{trial_id}`.{did_you_mean(trial_id, results)}")
    return dict(results[trial_id].config)
