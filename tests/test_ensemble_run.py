"""The registered model predicts what the ensemble folder predicts, and a broken store loses nothing."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.journal import Journal
from experiments.settings import SearchSettings
from experiments.submissions import Submission
from experiments.tracking.connection import connect
from experiments.tracking.ensemble_run import MEMBER_TAG, describe
from experiments.tracking.identity import ENSEMBLE_RUN, EXPERIMENT, SUBMISSION_RUN, TRIAL_TAG
from experiments.tracking.mirror import bring_run_folder, try_to_bring
from experiments.tracking.registered_model import model_name
from experiments.tracking.tracker import Tracker
from tests.tiny import tiny_config
from trashseg_core.checkpoint import write_weights
from trashseg_core.disk.files import file_digest
from trashseg_core.ensemble.bundle import Ensemble, Member, read_ensemble, write_ensemble
from trashseg_core.ensemble.loading import load_ensemble
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
    ensemble = Ensemble(
        [member], NAMES, {}, 0.5, 0.4, [], {"created": "then"}, val_interval=[0.3, 0.5], evidence=EVIDENCE
    )
    write_ensemble(folder / "ensemble", ensemble, {"t0000": folder / "checkpoint"})


def write_submissions(folder: Path) -> None:
    """Two records: of a CSV that is there, and of one that was written over."""
    csv = folder / "submission.csv"
    csv.write_text("image_id,PredictionString\n")
    ensemble = file_digest(folder / "ensemble" / "ensemble.json")
    rest = {"rows": 4, "test_file": "test.json", "data": "d1ce", "ensemble": ensemble, "created": 1e9}
    made = [Submission(str(csv), digest, **rest) for digest in (file_digest(csv), "0" * 64)]
    (folder / "submissions.jsonl").write_text("".join(json.dumps(asdict(one)) + "\n" for one in made))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> SearchSettings:
    """A search that is in its store, with an ensemble and a submission that were brought twice."""
    own = SearchSettings("data", "quick", "first", out=str(tmp_path_factory.mktemp("runs")))
    shutil.copy(empty_store, own.out)
    write_bundle(own.folder)
    write_submissions(own.folder)
    journal = Journal(own.folder / "journal.jsonl")
    journal.add_trial({}, {}, tiny_config().to_dict())
    Tracker(own, journal, refuse).finish("FINISHED")
    journal.close()
    bring_run_folder(own)
    bring_run_folder(own)
    return own


def test_the_ensemble_is_one_child_of_the_search_however_often_it_is_built(settings: SearchSettings) -> None:
    client = connect(settings.tracking)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    runs = {run.data.tags[TRIAL_TAG]: run for run in client.search_runs([experiment])}
    assert runs.keys() == {"", "t0000", ENSEMBLE_RUN, SUBMISSION_RUN}
    child = runs[ENSEMBLE_RUN]
    assert child.data.tags["mlflow.parentRunId"] == runs[""].info.run_id and child.info.status == "FINISHED"
    assert child.data.tags[f"{MEMBER_TAG}.t0000"] == runs["t0000"].info.run_id
    expected = {
        "step_val_miou": 0.51234,
        "step_held_out": 0.4,
        "val_miou": 0.5,
        "val_miou_crossfit": 0.4,
        "val_miou_low": 0.3,
        "val_miou_high": 0.5,
    }
    assert child.data.metrics == expected
    assert "| greedy | 0.5123 | True |" in child.data.tags["mlflow.note.content"]
    assert "ensemble.json" in [one.path for one in client.list_artifacts(child.info.run_id)]


def test_from_a_csv_one_can_walk_back_to_the_trials(settings: SearchSettings) -> None:
    client = connect(settings.tracking)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    found = client.search_runs([experiment], f"tags.`{TRIAL_TAG}` = '{SUBMISSION_RUN}'")
    assert len(found) == 2, "one run per CSV, however often they are brought"
    files = {run.info.run_id: [one.path for one in client.list_artifacts(run.info.run_id)] for run in found}
    assert sorted(files.values()) == [[], ["submission.csv"]]
    for run in found:
        assert run.data.tags["trashseg.verdict"] == "valid, 4 rows" and run.data.params["data_hash"] == "d1ce"
        assert ("trashseg.csv_missing" in run.data.tags) == (files[run.info.run_id] == [])
        ensemble = client.get_run(run.data.tags["trashseg.ensemble_run"])
        assert ensemble.data.tags[TRIAL_TAG] == ENSEMBLE_RUN
        members = json.loads(run.data.tags["trashseg.member_runs"])
        trial = client.get_run(members["t0000"])
        parent = run.data.tags["mlflow.parentRunId"]
        assert trial.data.tags["mlflow.parentRunId"] == ensemble.data.tags["mlflow.parentRunId"] == parent


def test_an_ensemble_is_one_version_of_the_model_and_the_last_one_built_is_the_champion(
    settings: SearchSettings,
) -> None:
    client, name = connect(settings.tracking), model_name(settings)
    assert str(client.get_model_version_by_alias(name, "champion").version) == "1"
    described = settings.folder / "ensemble" / "ensemble.json"
    described.write_text(described.read_text().replace('"created": "then"', '"created": "later"'))
    bring_run_folder(settings)
    assert str(client.get_model_version_by_alias(name, "champion").version) == "2"
    assert len(client.search_model_versions(f"name = '{name}'")) == 2


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
    own = SearchSettings("data", "quick", "first", out=str(tmp_path), tracking_uri="mssql://me:secret@host/db")
    write_bundle(own.folder)
    warnings: list[str] = []
    assert not try_to_bring(own, warnings.append)
    assert len(warnings) == 1 and "secret" not in warnings[0] and "Nothing is lost" in warnings[0]
    assert read_ensemble(own.folder / "ensemble").class_names == NAMES


def test_a_description_names_members_and_evidence() -> None:
    member = Member("t0000", 1.0, 64, [0.5], [0.5], "flip")
    text = describe(Ensemble([member], NAMES, {}, 0.5, 0.4, [], {}, evidence=EVIDENCE), {"t0000": "[t0000](#/x)"})
    assert text.splitlines()[2] == "| [t0000](#/x) | 1.000 | flip |"
    assert text.splitlines()[-2:] == ["| greedy | 0.5123 | True | a\\|b |  |", "| crf |  |  |  | 0.4000 |"]
