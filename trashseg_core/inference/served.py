"""The model that MLflow serves: an ensemble folder, by the convention of `mlflow.pyfunc`'s `loader_module`."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from trashseg_core.ensemble.bundle import read_ensemble
from trashseg_core.ensemble.loading import LoadedEnsemble, load_ensemble
from trashseg_core.inference.ensemble_predict import BATCH, decide, fit, member_logits


class ServedEnsemble:
    """Maps photos uint8 (N, H, W, 3) in RGB to label maps uint8 (N, H, W)."""

    def __init__(self, ensemble: LoadedEnsemble) -> None:
        self._ensemble = ensemble

    def predict(self, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """Predict photos of one size; `params` is MLflow's and has no effect."""
        photos = np.asarray(model_input, np.uint8)
        label_maps = np.empty(photos.shape[:3], np.uint8)

        def label(index: int, logits: list[Any]) -> None:
            label_maps[index] = decide(self._ensemble, photos[index], logits).labels

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(photos), BATCH):
                fitted = [fit(self._ensemble, photo) for photo in photos[start : start + BATCH]]
                batches = member_logits(self._ensemble, fitted)
                list(pool.map(label, range(start, start + len(fitted)), zip(*batches, strict=True)))
        return label_maps


def _load_pyfunc(path: str) -> ServedEnsemble:
    """Load the model from an ensemble folder; called by MLflow."""
    folder = Path(path)
    return ServedEnsemble(load_ensemble(folder, read_ensemble(folder)))
