"""No verb writes into the data folder, whether it may or not."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import run_search
from experiments.folds.fold_files import FoldFiles, deal_folds
from tests.reliability.bad_folders import change, ensemble, folder, own_signal_handlers, words_of, write_bundle
from tests.reliability.cases import Cases
from tests.reliability.test_leaks import copied
from tests.tiny import listing
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.pseudo.labelling import Wish, label_photos

__all__ = ["ensemble", "folder", "own_signal_handlers"]
pytestmark = pytest.mark.reliability("data-untouched")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing may be written into a folder: by its rights, and for root by a read-only mount where that is possible."""
    entries = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in entries}
    for path in entries:
        path.chmod(modes[path] & 0o555)
    mounted = os.access(folder, os.W_OK) and all(
        subprocess.run(["mount", *words, str(folder)], capture_output=True).returncode == 0
        for words in (["--bind", str(folder)], ["-o", "remount,ro,bind"])
    )
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        for path in entries:
            path.chmod(modes[path])


def every_verb(run: Path, data: Path, out: Path) -> dict[str, list[str]]:
    """Every verb that reads data of a finished search, without those that search on."""
    return {
        "check": ["check", str(data), "--all", "--show-augmix", str(out / "sheet.png"), "--set", "image_size=64"],
        "train": words_of("train", data),
        "predict-file": ["predict", str(run / "ensemble"), str(data / "test.json"), "--out", str(out / "a")],
        "predict-folder": ["predict", str(run / "ensemble"), str(data), "--out", str(out / "b"), "--overlays"],
        "submit": ["submit", str(run)],
        "submit-check": ["submit", "--check", str(run / "submission.csv")],
        "ensemble": ["ensemble", str(run)],
        "report": ["report", str(run)],
        "stability": ["stability", str(run)],
        "train-again": ["train", "--from", str(run), "--trial", "t0000", "--out", str(out / "c"), "--set", "epochs=1"],
    }


@pytest.mark.slow
def test_no_verb_writes_into_the_data_of_a_finished_search(
    finished: Path, folders: tuple[Path, Path], tmp_path: Path, cases: Cases
) -> None:
    data, run = folders[0], shutil.copytree(finished, folders[1] / "untouched")
    with read_only(data):
        before = listing(data)
        for verb, words in every_verb(run, data, tmp_path).items():
            cases.add()
            if verb == "train":
                words = [word.replace(str(data.parent / "single"), str(tmp_path / "single")) for word in words]
            assert run_search.main(words) == 0, verb
            assert listing(data) == before, verb


@pytest.mark.slow
def test_folds_and_pseudo_labels_write_nothing_into_the_data(
    finished: Path, folders: tuple[Path, Path], tmp_path: Path, cases: Cases
) -> None:
    data = DataFolder(str(folders[0]))
    cases.add(2)
    with read_only(folders[0]):
        before = listing(folders[0])
        files = FoldFiles(tmp_path / "folds", data, 3)
        deal_folds(files, 64, seed=0)
        for fold in range(3):
            open_split(files.data_of(fold), "train", 64)
        assert listing(folders[0]) == before
        label_photos(Wish(finished / "ensemble", folders[0] / "test.json", 9, 0.01), data, tmp_path / "pseudo")
        assert listing(folders[0]) == before


@pytest.mark.parametrize("verb", ["check", "train", "search", "predict", "submit"])
def test_a_refused_verb_writes_nothing_either(folder: Path, cases: Cases, verb: str) -> None:
    copied(folder)
    change(folder, lambda document: document["images"][0].update(width=7), "test")
    ensemble = write_bundle(folder.parent / "run", folder)
    before = listing(folder)
    assert run_search.main(words_of(verb, folder, ensemble)) == 2
    assert listing(folder) == before


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--out", "DATA/single"],
        ["search", "--space", "quick", "--name", "first", "--out", "DATA/runs"],
    ],
)
def test_outputs_in_the_data_folder_are_the_user_s_own_choice_and_no_photo_is_touched(
    folder: Path, cases: Cases, words: list[str]
) -> None:
    (folder / "train/0.png").write_bytes(b"")
    before = listing(folder)
    run_search.main([*(word.replace("DATA", str(folder)) for word in words), "--data", str(folder)])
    after = listing(folder)
    assert {name: after[name] for name in before if name != "."} == {
        name: entry for name, entry in before.items() if name != "."
    }
