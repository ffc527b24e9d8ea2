"""Every kind of thing that the project writes: what is there before, how it is written, and what counts as whole."""

import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.checkpoints.trial_folder import TrialFolder
from experiments.journal import Journal, JournalReader
from experiments.manifest import Manifest, read_manifest
from experiments.settings import SearchSettings
from experiments.study_export import export_study
from experiments.submissions import record_submission
from tests.candidates import predict_candidate
from tests.made_run import make_run
from tests.reliability.data_writes import (
    again,
    cached,
    deal,
    draw_samples,
    from_masks,
    from_taco,
    from_yolo,
    picture,
    sample,
)
from tests.test_ensemble import SCORED, make
from tests.tiny import tiny_config, tiny_network
from trashseg_core.augment.object_bank import open_bank
from trashseg_core.checkpoint import read_confusions, read_state, read_weights, write_checkpoint
from trashseg_core.data.cache import open_split
from trashseg_core.disk.files import write_json
from trashseg_core.ensemble.bundle import read_ensemble, write_ensemble
from trashseg_core.ensemble.grid import open_grid
from trashseg_core.inference.ensemble_predict import Prediction
from trashseg_core.inference.label_files import write_prediction
from trashseg_core.submission import write_submission

NAMES = [f"{number}.jpg" for number in range(3)]
Units = dict[str, str]
"""What must be whole, each for itself: a name, and a hash of the content."""


@dataclass(frozen=True)
class Kind:
    """One kind of write."""

    write: Callable[[Path], object]
    """Into a folder; done again it comes to the same."""
    prepare: Callable[[Path], object] = lambda folder: None
    """What is there before."""
    units: Callable[[Path], Units] = lambda folder: entries(folder)
    points: int = 3
    """Calls that it is killed at, for each round that was asked for."""


def entries(folder: Path) -> Units:
    """Every file or folder that is not hidden, as a whole."""
    return {one.name: digest(one) for one in folder.iterdir() if not one.name.startswith(".")}


def every_file(folder: Path) -> Units:
    """Every file below a folder that is not hidden; each is whole for itself."""
    found = [one for one in folder.rglob("*") if one.is_file() and not one.name.startswith(".")]
    return {str(one.relative_to(folder)): digest(one) for one in found}


def digest(path: Path) -> str:
    """Hash of a file, or of names and contents of everything below a folder."""
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    parts = [f"{one.relative_to(path)} {hashlib.sha256(one.read_bytes()).hexdigest()}" for one in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def prepare_journal(folder: Path) -> None:
    """A trial with two epochs."""
    journal = Journal(folder / "journal.jsonl")
    key = journal.add_trial({"lr": 0.1}, {}, {"lr": 0.1}).key
    for epoch in (1, 2):
        journal.add_epoch(key, epoch, {"val_miou": epoch / 10})
    journal.close()


def append(folder: Path) -> None:
    """A third epoch."""
    journal = Journal(folder / "journal.jsonl")
    journal.add_epoch("t0000", 3, {"val_miou": 0.3, "note": 1.0})
    journal.close()


def journal_units(folder: Path) -> Units:
    """The lines before, of which none may go, and the new one."""
    epochs = JournalReader(folder / "journal.jsonl").trials["t0000"].epochs
    return {str(epoch): json.dumps(metrics) for epoch, metrics in epochs.items()}


def checkpoint(folder: Path, epoch: int) -> None:
    """Write an epoch as a training does."""
    trial = TrialFolder(folder / "t0000", "val_miou")
    config = tiny_config()
    network = tiny_network(config, 3)
    for value in network.state_dict().values():
        value.fill_(epoch)
    with tempfile.TemporaryDirectory(dir=trial.path, prefix=".epoch.") as name:
        write_checkpoint(Path(name), config, network.model, {"epoch": epoch}, SCORED)
        trial.keep(epoch, Path(name), epoch / 10)


def checkpoint_units(folder: Path) -> Units:
    """The epoch to go on from: its state, weights, configuration and scores can be read."""
    last = TrialFolder(folder / "t0000", "val_miou").last()
    assert last is not None, "there is nothing to go on from"
    epoch, scored = read_state(last)["epoch"], read_confusions(last)
    weights = read_weights(last / "model.safetensors").values()
    assert {float(value.flatten()[0]) for value in weights} == {epoch}
    return {"last": f"{epoch} {scored.file_names}"}


def ensemble(folder: Path, weight: float) -> None:
    """Write an ensemble of two."""
    paths = {name: folder.parent / "checkpoints" / name for name in ("t0000", "t0003")}
    write_ensemble(folder / "ensemble", make(("t0000", weight), ("t0003", 1 - weight)), paths, SCORED, SCORED)


def ensemble_units(folder: Path) -> Units:
    """The whole folder, which can be read."""
    assert read_ensemble(folder / "ensemble").members
    return entries(folder)


def predict(folder: Path) -> None:
    """Predict val with one candidate."""
    data = sample(folder)
    grid = open_grid(open_split(data, "val", 64), 16)
    predict_candidate(folder.parent / "checkpoints" / "t0000", data, grid, folder / "store")


def prediction_units(folder: Path) -> Units:
    """Predictions that are there under their name; a part of one is gone on with."""
    return {one.name: digest(one) for one in (folder / "store").glob("*") if not one.name.endswith(".part")}


def label_photo(folder: Path) -> None:
    """Label map, overlay and probabilities of a photo."""
    rng = np.random.default_rng(0)
    rgb, labels = rng.integers(0, 256, (60, 80, 3), np.uint8), rng.integers(0, 3, (60, 80)).astype(np.uint8)
    write_prediction(folder / "photo", Prediction(rgb, labels, rng.random((3, 60, 80), np.float32)), overlays=True)


def submission(folder: Path, label: int) -> None:
    """A CSV of three photos with one label everywhere."""
    write_submission(folder / "submission.csv", NAMES, [np.full((64, 64), label, np.uint8)] * 3, 11)


def prepare_handed_in(folder: Path) -> None:
    """A run folder with a CSV for every test photo, and a note of an earlier one."""
    names = [photo.file_name for photo in sample(folder).read("test").photos]
    (folder / "ensemble").mkdir()
    (folder / "ensemble" / "ensemble.json").write_text("one", encoding="utf-8")
    write_submission(folder / "submission.csv", names, [np.zeros((64, 64), np.uint8)] * len(names), 11)
    hand_in(folder)
    (folder / "ensemble" / "ensemble.json").write_text("two", encoding="utf-8")


def hand_in(folder: Path) -> None:
    """Note the CSV."""
    data = sample(folder)
    record_submission(folder, folder / "submission.csv", data, data.read("test"), 11)


def note_units(folder: Path) -> Units:
    """How many CSVs are noted, one to a line."""
    lines = (folder / "submissions.jsonl").read_text(encoding="utf-8").splitlines()
    return {"notes": str([json.loads(line)["ensemble"] for line in lines])}


def prepare_run(folder: Path) -> None:
    """A run with a study that was exported when there was one trial less."""
    make_run(folder / "run", [("finished", [0.3]), ("stopped", [0.2])])
    Manifest(SearchSettings("data", "quick", "run", out=str(folder)), "0", {}, {}).write(folder / "run")
    export_study(folder / "run", read_manifest(folder / "run"), folder / "study.db")
    journal = Journal(folder / "run" / "journal.jsonl")
    first = journal.trials["t0000"]
    journal.add_trial(first.params, first.distributions, first.config)
    journal.close()


def study_units(folder: Path) -> Units:
    """A database that is sound, with this many trials."""
    with closing(sqlite3.connect(folder / "study.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {"trials": str(connection.execute("SELECT count(*) FROM trials").fetchone()[0])}


def lighten(folder: Path) -> None:
    """Give up the weights of a trial."""
    TrialFolder(folder / "t0000", "val_miou").lighten()


KINDS = {
    "JSON files": Kind(
        lambda folder: write_json(folder / "results.json", [{"new": 1.0}] * 999),
        lambda folder: write_json(folder / "results.json", [{"old": 1.0}] * 999),
    ),
    "journal": Kind(append, prepare_journal, journal_units),
    "checkpoint": Kind(lambda folder: checkpoint(folder, 2), lambda folder: checkpoint(folder, 1), checkpoint_units),
    "checkpoint that gives way": Kind(lighten, lambda folder: checkpoint(folder, 1), every_file),
    "cache of photos": Kind(cached(lambda data: open_split(data, "val", 64))),
    "cache of objects": Kind(cached(lambda data: open_bank(data, 64))),
    "predictions": Kind(predict, units=prediction_units, points=2),
    "ensemble": Kind(lambda folder: ensemble(folder, 0.5), lambda folder: ensemble(folder, 0.75), ensemble_units),
    "submission": Kind(lambda folder: submission(folder, 1), lambda folder: submission(folder, 0)),
    "note of a submission": Kind(hand_in, prepare_handed_in, note_units),
    "label maps": Kind(label_photo),
    "pictures": Kind(picture),
    "study": Kind(
        lambda folder: export_study(folder / "run", read_manifest(folder / "run"), folder / "study.db"),
        prepare_run,
        study_units,
        points=1,
    ),
    "folds": Kind(deal, points=2),
    "sample photos": Kind(draw_samples, units=every_file),
    "import of masks": Kind(again(from_masks)),
    "import of YOLO": Kind(again(from_yolo)),
    "import of TACO": Kind(again(from_taco)),
}


def fresh(kind: Kind, place: Path, template: Path | None) -> Path:
    """A folder with what is there before."""
    folder = Path(tempfile.mkdtemp(dir=place))
    if template is None:
        kind.prepare(folder)
    else:
        shutil.copytree(template, folder, dirs_exist_ok=True)
    return folder
