"""The data of a search as MLflow's data sets: one per split, its content hash as digest."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.origin import read_data
from experiments.tracking.identity import DIGEST_LENGTH
from trashseg_core.disk.files import file_digest

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput


@lru_cache(maxsize=4)  # the same for every trial of a search
def data_inputs(run_folder: Path) -> "list[DatasetInput]":
    """What a run of the search was made from; empty where the run folder does not say."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = read_data(run_folder)
    inputs = []
    for split, said in data.get("splits", {}).items():
        source = {"uri": str(Path(data["path"]) / said["file"])}
        name = f"{Path(data['path']).name}/{said['file']}"[-500:]
        dataset = Dataset(name, said["hash"], "local", json.dumps(source), profile=json.dumps(_profile(data, said)))
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", split)]))
    return inputs


def file_inputs(files: Mapping[str, Path]) -> "list[DatasetInput]":
    """Annotation files by the split that they are, each with its content's hash; those that are gone are left out."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = []
    for split, path in files.items():
        if path.is_file():
            name, source = f"{path.parent.parent.name}/{path.name}"[-500:], json.dumps({"uri": str(path)})
            dataset = Dataset(name, file_digest(path)[:DIGEST_LENGTH], "local", source)
            inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", split)]))
    return inputs


def _profile(data: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    histogram = dict(zip(data["class_names"], said["annotations"], strict=True))
    return {"num_photos": said["photos"], "num_left_out": said["left_out"], "annotations": histogram}
