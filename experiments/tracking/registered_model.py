"""The registered model: the ensemble of a search, as MLflow serves it without this project."""

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version
from pathlib import Path

import numpy as np

import trashseg_core
from experiments.settings import SearchSettings
from experiments.tracking.connection import patient_requests
from experiments.tracking.store import Store
from experiments.tracking.tracked_run import TrackedRun

ALIAS = "champion"
LOADER = "trashseg_core.inference.served"
NEEDED = (
    *("numba", "numpy", "opencv-python-headless", "pillow", "pycocotools", "safetensors"),
    *("segmentation-models-pytorch", "timm", "torch"),
)
"""What the model is installed with: trashseg_core travels along as code."""


def model_name(settings: SearchSettings) -> str:
    """Name of the registered model of a search; `models:/NAME@champion` loads it."""
    return f"trashseg-{settings.name}"


def register_model(store: Store, run: TrackedRun) -> str:
    """Register the ensemble folder as a model of its run and make it the champion; return its version.

    A run has one version, however often this is called.
    """
    name = model_name(store.settings)
    found = store.client.search_model_versions(f"run_id = '{run.id}'")
    with patient_requests():
        number = str(found[0].version) if found else _log_model(run.id, store.settings)
    if _champion(store, name) != number:
        store.client.set_registered_model_alias(name, ALIAS, number)
    return number


def _champion(store: Store, name: str) -> str | None:
    from mlflow import MlflowException

    try:
        return str(store.client.get_model_version_by_alias(name, ALIAS).version)
    except MlflowException:  # there is none yet
        return None


def _log_model(run_id: str, settings: SearchSettings) -> str:
    """Log the ensemble folder as a model of the run; return the version that it got in the registry."""
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    photos = Schema([TensorSpec(np.dtype(np.uint8), (-1, -1, -1, 3))])
    label_maps = Schema([TensorSpec(np.dtype(np.uint8), (-1, -1, -1))])
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(settings.tracking)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), mlflow.start_run(run_id=run_id):
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
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None: as if it had never been set
    return str(logged.registered_model_version)
