"""The ensemble in MLflow: a run of the search, and a registered model that predicts alone."""

import io
import os
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import trashseg_core
from experiments.settings import SearchSettings
from experiments.tracking import ENSEMBLE_RUN, EXPERIMENT, RUN_TAG, TRIAL_TAG, connect, find_run, redacted
from trashseg_core.ensemble.bundle import DESCRIPTION, Ensemble, read_ensemble

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIAS = "champion"
LOADER = "trashseg_core.inference.served"
NEEDED = (
    *("numba", "numpy", "opencv-python-headless", "pillow", "pycocotools", "safetensors"),
    *("segmentation-models-pytorch", "timm", "torch"),
)
"""What the registered model is installed with: trashseg_core travels along as code."""


def model_name(settings: SearchSettings) -> str:
    """Name of the registered model of a search; `models:/NAME@champion` loads it."""
    return f"trashseg-{settings.name}"


def register_ensemble(settings: SearchSettings, warn: Callable[[str], None]) -> bool:
    """Log the ensemble of a search as a child of its run, and register it as the champion.

    The run folder is the truth: a store that fails is warned about, and nothing else happens.

    Returns:
        Whether it worked.
    """
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            _register(settings, read_ensemble(settings.folder / "ensemble"))
    except Exception as error:  # the store is somebody else's: whatever it raises must not lose the ensemble
        text = str(error).replace(settings.tracking, redacted(settings.tracking)).strip()
        reason = (text.splitlines() or [type(error).__name__])[0][:200]
        warn(
            f"MLflow at {redacted(settings.tracking)} did not take the ensemble ({reason}). "
            f"It is in {settings.folder / 'ensemble'} all the same."
        )
        return False
    return True


def _register(settings: SearchSettings, ensemble: Ensemble) -> None:
    client = connect(settings.tracking)
    run_id = _ensemble_run(client, settings)
    metrics = {"val_miou": ensemble.val_miou, "val_miou_crossfit": ensemble.val_miou_crossfit}
    metrics |= dict(zip(("val_miou_low", "val_miou_high"), ensemble.val_interval, strict=False))
    for name, value in metrics.items():
        client.log_metric(run_id, name, value)
    client.set_tag(run_id, "mlflow.note.content", describe(ensemble))
    client.log_artifact(run_id, str(settings.folder / "ensemble" / DESCRIPTION))
    if (settings.folder / "overlays").is_dir():
        client.log_artifacts(run_id, str(settings.folder / "overlays"), "overlays")
    number = _log_model(run_id, settings)
    client.set_registered_model_alias(model_name(settings), ALIAS, number)
    client.set_terminated(run_id, "FINISHED")


def _ensemble_run(client: "MlflowClient", settings: SearchSettings) -> str:
    """Id of the ensemble's run: found by its tags, so that there is exactly one however often it is built."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    parent = experiment and find_run(client, experiment.experiment_id, settings.folder, "")
    if experiment is None or parent is None:
        raise LookupError("the search itself is not in it")
    found = find_run(client, experiment.experiment_id, settings.folder, ENSEMBLE_RUN)
    if found is not None:
        return found
    tags = {"mlflow.parentRunId": parent, RUN_TAG: str(settings.folder), TRIAL_TAG: ENSEMBLE_RUN}
    return str(client.create_run(experiment.experiment_id, tags=tags, run_name=ENSEMBLE_RUN).info.run_id)


def _log_model(run_id: str, settings: SearchSettings) -> str:
    """Log the ensemble folder as a model of the run; return the version that it got in the registry."""
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    photos = Schema([TensorSpec(np.dtype(np.uint8), (-1, -1, -1, 3))])
    label_maps = Schema([TensorSpec(np.dtype(np.uint8), (-1, -1, -1))])
    before = os.environ.get("MLFLOW_TRACKING_URI", "")
    mlflow.set_tracking_uri(settings.tracking)
    try:
        with mlflow.start_run(run_id=run_id):
            logged = mlflow.pyfunc.log_model(
                name="ensemble",
                loader_module=LOADER,
                data_path=str(settings.folder / "ensemble"),
                code_paths=[str(Path(trashseg_core.__file__).parent)],
                signature=ModelSignature(photos, label_maps),
                input_example=np.zeros((1, 64, 64, 3), np.uint8),
                pip_requirements=[f"{name}=={version(name)}" for name in NEEDED],
                registered_model_name=model_name(settings),
            )
    finally:
        mlflow.set_tracking_uri(before)
    return str(logged.registered_model_version)


def describe(ensemble: Ensemble) -> str:
    """Who is in, and what each step gained, as Markdown."""
    lines = ["| member | weight | TTA |", "| --- | --- | --- |"]
    lines += [f"| {member.trial_id} | {member.weight:.3f} | {member.tta} |" for member in ensemble.members]
    columns = list(dict.fromkeys(key for row in ensemble.evidence for key in row))
    if columns:
        lines += ["", f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    lines += [f"| {' | '.join(_cell(row.get(column)) for column in columns)} |" for row in ensemble.evidence]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value).replace("|", "\\|")
