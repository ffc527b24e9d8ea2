"""The registered model predicts what the ensemble folder predicts, and a broken store loses nothing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.journal import Journal
from experiments.registry import describe, model_name, register_ensemble
from experiments.settings import SearchSettings
from experiments.tracking import ENSEMBLE_RUN, EXPERIMENT, TRIAL_TAG, Tracker, connect
from tests.tiny import tiny_config
from trashseg_core.checkpoint import write_weights
from trashseg_core.ensemble.bundle import Ensemble, Member, load_ensemble, read_ensemble, write_ensemble
from trashseg_core.inference.ensemble_predict import decide, fit, member_logits
from trashseg_core.models import build_model

pytestmark = pytest.mark.slow  # an MLflow store takes seconds
NAMES = ["Background", "paper", "metal"]
EVIDENCE = [{"name": "greedy", "val_miou": 0.51234, "kept": True, "why": "a|b"}, {"name": "crf", "held_out": 0.4}]


def refuse(text: str) -> None:
    """A warning where none belongs."""
    pytest.fail(text)


def write_bundle(folder: Path) -> None:
    torch.manual_seed(0)
    (folder / "checkpoint").mkdir(parents=True)
    write_weights(folder / "checkpoint", tiny_config(), build_model(tiny_config(), 3).model)
    member = Member("t0000", 1.0, 64, [0.5] * 3, [0.5] * 3, "flip")
    ensemble = Ensemble([member], NAMES, {}, 0.5, 0.4, [], {}, val_interval=[0.3, 0.5], evidence=EVIDENCE)
    write_ensemble(folder / "ensemble", ensemble, {"t0000": folder / "checkpoint"})


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> SearchSettings:
    """A search that is in its store, with an ensemble that was registered twice."""
    own = SearchSettings("data", "quick", "first", out=str(tmp_path_factory.mktemp("runs")))
    write_bundle(own.folder)
    journal = Journal(own.folder / "journal.jsonl")
    Tracker(own, journal, refuse).finish("FINISHED", {}, [])
    journal.close()
    assert register_ensemble(own, refuse) and register_ensemble(own, refuse)
    return own


def test_the_ensemble_is_one_child_of_the_search_however_often_it_is_built(settings: SearchSettings) -> None:
    client = connect(settings.tracking)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    runs = {run.data.tags[TRIAL_TAG]: run for run in client.search_runs([experiment])}
    assert runs.keys() == {"", ENSEMBLE_RUN}
    child = runs[ENSEMBLE_RUN]
    assert child.data.tags["mlflow.parentRunId"] == runs[""].info.run_id and child.info.status == "FINISHED"
    expected = {"val_miou": 0.5, "val_miou_crossfit": 0.4, "val_miou_low": 0.3, "val_miou_high": 0.5}
    assert child.data.metrics == expected
    assert "| greedy | 0.5123 | True |" in child.data.tags["mlflow.note.content"]
    assert "ensemble.json" in [one.path for one in client.list_artifacts(child.info.run_id)]


def test_the_last_one_registered_is_the_champion(settings: SearchSettings) -> None:
    assert str(connect(settings.tracking).get_model_version_by_alias(model_name(settings), "champion").version) == "2"


LOAD = """
import sys, numpy as np, mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"models:/{sys.argv[2]}@champion")
assert model.metadata.signature is not None
assert np.shape(model.input_example) == (1, 64, 64, 3), type(model.input_example)
import trashseg_core
assert not trashseg_core.__file__.startswith(sys.argv[3]), trashseg_core.__file__
np.save(sys.argv[5], model.predict(np.load(sys.argv[4])))
"""


def test_the_champion_predicts_alone_what_the_folder_predicts(settings: SearchSettings, tmp_path: Path) -> None:
    """In a process that finds no trashseg_core but the one in the model."""
    photos = np.random.default_rng(0).integers(0, 256, (9, 40, 50, 3), dtype=np.uint8)
    np.save(tmp_path / "photos.npy", photos)
    root = str(Path(__file__).parents[1])
    words = [settings.tracking, model_name(settings), root, tmp_path / "photos.npy", tmp_path / "maps.npy"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "MLFLOW_DISABLE_TELEMETRY": "true"}
    ran = subprocess.run(
        [sys.executable, "-c", LOAD, *map(str, words)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    bundle = settings.folder / "ensemble"
    ensemble: Any = load_ensemble(bundle, read_ensemble(bundle))
    expected = []
    for photo in photos:
        logits = member_logits(ensemble, [fit(ensemble, photo)])
        expected.append(decide(ensemble, photo, [one[0] for one in logits]).labels)
    same = (np.load(tmp_path / "maps.npy") == np.stack(expected)).mean()
    assert np.load(tmp_path / "maps.npy").dtype == np.uint8 and same > 0.999  # batches of another size round otherwise


def test_a_store_that_fails_warns_once_and_loses_nothing(tmp_path: Path) -> None:
    own = SearchSettings("data", "quick", "first", out=str(tmp_path), tracking_uri="bogus://me:secret@host/db")
    write_bundle(own.folder)
    warnings: list[str] = []
    assert not register_ensemble(own, warnings.append)
    assert len(warnings) == 1 and "secret" not in warnings[0] and "all the same" in warnings[0]
    assert read_ensemble(own.folder / "ensemble").class_names == NAMES


def test_a_description_names_members_and_evidence() -> None:
    member = Member("t0000", 1.0, 64, [0.5], [0.5], "flip")
    text = describe(Ensemble([member], NAMES, {}, 0.5, 0.4, [], {}, evidence=EVIDENCE))
    assert text.splitlines()[2] == "| t0000 | 1.000 | flip |"
    assert text.splitlines()[-2:] == ["| greedy | 0.5123 | True | a\\|b |  |", "| crf |  |  |  | 0.4000 |"]
