"""A labelling that is killed goes on where it was, and makes what an undisturbed one makes."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.killed_labelling import COUNT, PRECISION
from tests.test_ensemble import checkpoint, make
from tests.tiny import write_folder, write_photo
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.bundle import write_ensemble
from trashseg_core.pseudo import labelling
from trashseg_core.pseudo.labelling import Wish, label_photos

NUM_PHOTOS = 20


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled_calmly(tmp_path_factory.mktemp("labelling"))


def labelled_calmly(root: Path) -> Path:
    """Make an ensemble, a data folder, photos to label, and `calm`, what an undisturbed labelling made of them."""
    write_folder(root / "data", {"train": [(64, 64)] * 4, "val": [(64, 64)] * 3})
    for number in range(NUM_PHOTOS):
        write_photo(root / "new" / "sub" / f"{number:02d}.png", 64, 48, seed=77 + number)
    write_ensemble(root / "ensemble", make(("t0000", 1.0)), {"t0000": checkpoint(root / "t0000", 0)})
    label_photos(wish(root), DataFolder(str(root / "data")), root / "calm")
    return root


def wish(root: Path, precision: float = PRECISION) -> Wish:
    return Wish(root / "ensemble", root / "new", COUNT, precision)


def label_maps(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted((folder / "labels").rglob("[!.]*.png"))}


def same_labels(one: Path, other: Path) -> bool:
    """Equal but for single pixels: a batch of another size may round another way."""
    names = label_maps(one).keys()
    if names != label_maps(other).keys():
        return False
    pairs = [(np.asarray(Image.open(label_maps(folder)[name])) for folder in (one, other)) for name in names]
    return all((first != second).mean() < 0.002 for first, second in pairs)


def listed(folder: Path) -> list[dict[str, object]]:
    return list(json.loads((folder / "train.json").read_text())["images"])


@pytest.mark.slow
@pytest.mark.reliability("kills")
def test_label_maps_that_a_killed_process_wrote_stand(root: Path) -> None:
    words = [sys.executable, "-m", "tests.killed_labelling"]
    words += [str(root / name) for name in ("ensemble", "data", "new", "killed")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    assert process.stdout is not None
    assert any(line.startswith("photos labelled: 3/") for line in process.stdout)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    partial = root / "killed.partial"
    assert not (root / "killed").exists()
    written = {name: path.stat().st_ino for name, path in label_maps(partial).items()}
    assert 3 <= len(written) < NUM_PHOTOS
    told: list[str] = []
    label_photos(
        wish(root),
        DataFolder(str(root / "data")),
        root / "killed",
        lambda step: lambda done, total: told.append(f"{step}: {done}/{total}"),
    )
    left = NUM_PHOTOS - len(written)
    assert told[-1] == f"photos labelled, beside {len(written)} that were: {left}/{left}"
    assert {step.split(":")[0] for step in told} == {told[-1].split(":")[0]}, "val was looked at again"
    kept = label_maps(root / "killed")
    assert {name: kept[name].stat().st_ino for name in written.keys() & kept.keys()} == {
        name: number for name, number in written.items() if name in kept
    }
    assert listed(root / "killed") == listed(root / "calm") and same_labels(root / "killed", root / "calm")
    assert not partial.exists()


@pytest.mark.reliability("kills")
def test_a_labelling_that_was_stopped_while_it_tidied_up_ends_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = DataFolder(str(root / "data")), root / "tidied"
    few = Wish(root / "ensemble", root / "new", 5, PRECISION)
    with monkeypatch.context() as patch:
        patch.setattr(labelling, "commit_folder", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            label_photos(few, data, out)
    done = label_photos(few, data, out)
    assert done is not None and (done.num_photos, done.num_chosen) == (NUM_PHOTOS, 5)
    assert len(label_maps(out)) == len(listed(out)) == 5


def test_label_maps_of_another_wish_are_not_taken(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = DataFolder(str(root / "data")), root / "other"
    with monkeypatch.context() as patch:
        patch.setattr(labelling, "_known", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            label_photos(wish(root, 0.02), data, out)
    steps: list[str] = []
    label_photos(wish(root), data, out, lambda step: steps.append(step) or (lambda done, total: None))
    assert steps == ["val photos looked at", "photos labelled"]
    assert json.loads((out / "train.json").read_text())["info"]["precision"] == PRECISION
