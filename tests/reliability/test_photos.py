"""Photos: rare kinds become RGB by one rule for all verbs; what is damaged is a finding, and no bomb goes off."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import run_search
from tests.reliability.bad_folders import (
    Capture,
    accepted,
    change,
    ensemble,
    folder,
    good_folder,
    own_signal_handlers,
    read,
    refused,
    words_of,
)
from tests.reliability.cases import Cases
from tests.reliability.strange_photos import BOMBS, DAMAGED, GOOD, HEIGHT, RGB, WIDTH, turned
from tests.whole_search import ROOT, command
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.photos import read_photo
from trashseg_core.data.resize import fit_photo
from trashseg_core.errors import BadInput

__all__ = ["ensemble", "folder", "own_signal_handlers"]
pytestmark = pytest.mark.reliability("photos")

LIMIT_MB = 300
"""How much more memory a folder of bombs may take than a good one: the smallest takes 600 MB when it goes off."""
UNREADABLE = "1.png: may not be read (Permission denied). Make it readable."
TRAINING_MB = 900
"""Generously, what a training takes beyond a check: measured are 550."""


def add(folder: Path, files: dict[str, bytes], split: str = "train", size: tuple[int, int] = (HEIGHT, WIDTH)) -> None:
    """Put files beside the photos of a split and list them as photos of this size."""
    for name, content in files.items():
        (folder / split / name).write_bytes(content)
    images = [{"file_name": f"{split}/{name}", "height": size[0], "width": size[1]} for name in files]
    change(
        folder,
        lambda document: document["images"].extend({"id": 100 + id, **one} for id, one in enumerate(images)),
        split,
    )


def test_rare_kinds_are_read_by_training_as_by_prediction(folder: Path, capsys: Capture, cases: Cases) -> None:
    add(folder, {f"{name}.jpg": make() for name, make in GOOD.items()})
    cases.add(len(GOOD))
    accepted(capsys, cases, folder)
    cached = open_split(DataFolder(str(folder)), "train", 64)
    for name, image in zip(cached.file_names[3:], cached.images[3:], strict=True):
        assert np.array_equal(image, fit_photo(read_photo(folder / name, (HEIGHT, WIDTH)), 64)), name


@pytest.mark.parametrize("name", [name for name in GOOD if not name.startswith("exif")])
def test_a_photo_of_unknown_size_is_read_as_one_of_a_stated_size(tmp_path: Path, cases: Cases, name: str) -> None:
    (tmp_path / "a.jpg").write_bytes(GOOD[name]())
    known, unknown = read_photo(tmp_path / "a.jpg", (HEIGHT, WIDTH)), read_photo(tmp_path / "a.jpg")
    assert np.array_equal(known, unknown)
    assert (known.shape, known.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)


@pytest.mark.parametrize("kind", ["png-RGB", "png-RGBA", "apng", "tiff", "tiff-of-pages", "webp-animated", "bmp"])
def test_the_colours_of_a_lossless_kind_are_exact(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.jpg").write_bytes(GOOD[kind]())
    assert np.array_equal(read_photo(tmp_path / "a.jpg"), RGB)


UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda rgb: rgb,
    2: lambda rgb: rgb[:, ::-1],
    3: lambda rgb: rgb[::-1, ::-1],
    4: lambda rgb: rgb[::-1],
    5: lambda rgb: rgb.transpose(1, 0, 2),
    6: lambda rgb: np.rot90(rgb, -1),
    7: lambda rgb: rgb[::-1, ::-1].transpose(1, 0, 2),
    8: lambda rgb: np.rot90(rgb),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_turns_a_photo_only_where_nothing_or_the_turned_size_is_stated(
    tmp_path: Path, cases: Cases, orientation: int
) -> None:
    (tmp_path / "a.png").write_bytes(turned(orientation, "PNG"))
    upright = UPRIGHT[orientation](RGB)
    cases.add(3)
    assert np.array_equal(read_photo(tmp_path / "a.png"), upright)
    assert np.array_equal(read_photo(tmp_path / "a.png", (HEIGHT, WIDTH)), RGB)
    if orientation > 4:
        assert np.array_equal(read_photo(tmp_path / "a.png", (WIDTH, HEIGHT)), upright)
    else:
        with pytest.raises(BadInput, match="the photo is 40 x 30 px, but the annotation file says 30 x 40"):
            read_photo(tmp_path / "a.png", (WIDTH, HEIGHT))


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_photo_is_a_finding(folder: Path, capsys: Capture, cases: Cases, name: str) -> None:
    (folder / "train/1.png").write_bytes(DAMAGED[name]())
    refused(capsys, cases, folder, "train/1.png: cannot be decoded (")
    accepted(capsys, cases, folder, ("--skip-bad",))


@pytest.mark.parametrize("name", ["empty", "JPEG-cut-at-50", "PNG-cut-at-90", "png-flipped-bit"])
def test_no_verb_leaves_a_damaged_test_photo_out(
    folder: Path, capsys: Capture, cases: Cases, ensemble: Path, name: str
) -> None:
    (folder / "test/0.png").write_bytes(DAMAGED[name]())
    verbs = ("check", "predict", "submit")
    refused(capsys, cases, folder, "test/0.png: cannot be decoded (", verbs, ensemble=ensemble)
    refused(capsys, cases, folder, "test/0.png: cannot be decoded (", ("check",), more=("--skip-bad",))
    assert not list(folder.parent.rglob("*.csv"))


def test_a_photo_of_another_size_than_stated_is_a_finding(folder: Path, capsys: Capture, cases: Cases) -> None:
    for width in (12, 39, 41, 5000):
        change(folder, lambda document, width=width: document["images"][1].update(width=width))
        refused(capsys, cases, folder, f"the photo is 40 x 30 px, but the annotation file says {width} x 30")


def test_all_damaged_photos_are_listed_and_training_goes_on_without_them(
    folder: Path, capsys: Capture, cases: Cases
) -> None:
    add(folder, {f"{name}.jpg": make() for name, make in DAMAGED.items()})
    cases.add(2 * len(DAMAGED))
    assert run_search.main(words_of("check --all", folder)) == 2
    out, err = capsys.readouterr()
    assert [name for name in DAMAGED if f"train.json train/{name}.jpg: " not in out] == []
    assert f"{len(DAMAGED)} finding(s) in all." in err
    assert run_search.main([*words_of("train", folder), "--skip-bad"]) == 0
    out, err = capsys.readouterr()
    assert f"train: {len(DAMAGED)} bad entries left out, 3 photos used" in out
    assert err.count("\n") <= 2  # the progress of the two splits, and nothing of Pillow's own


def peak_mb(*words: str, code: int) -> tuple[float, str]:
    """Run a verb as a process of its own; return the most memory that it took, and what it printed."""
    with subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    ) as run:
        assert run.stdout is not None
        out = run.stdout.read()
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    assert run.returncode == code, out[-3000:]
    assert "Traceback" not in out
    return usage.ru_maxrss / 1024, out


def with_bombs(folder: Path, split: str = "train") -> int:
    """Add every bomb to a split, as small as its photos by the file and, where it may be, as large as it says it is."""
    number = 0
    for name, (height, width, make) in BOMBS.items():
        content = make()
        for size in {(HEIGHT, WIDTH), (height, width)}:
            if max(size) <= 100_000:
                add(folder, {f"{name}-{size[0]}.png": content}, split, size)
                change(folder, lambda document: document["images"][-1].update(id=len(document["images"])), split)
                number += 1
    return number


@pytest.mark.slow
def test_no_bomb_takes_memory(tmp_path: Path, cases: Cases) -> None:
    plain, bombs = good_folder(tmp_path / "good"), good_folder(tmp_path / "bombs")
    number = with_bombs(bombs)
    cases.add(2 * number)
    usual, _ = peak_mb("check", str(plain), code=0)
    most, out = peak_mb("check", str(bombs), "--all", code=2)
    assert f"{number} finding(s) in all." in out
    assert most < usual + LIMIT_MB
    most, out = peak_mb(*words_of("train", bombs), "--skip-bad", code=0)
    assert f"train: {number} bad entries left out, 3 photos used" in out
    assert most < usual + TRAINING_MB + LIMIT_MB


@pytest.mark.parametrize("name", ["png-30000", "png-14000", "png-texts", "gif-65535", "tiff-tile"])
def test_predict_refuses_a_bomb(folder: Path, capsys: Capture, cases: Cases, ensemble: Path, name: str) -> None:
    height, width, make = BOMBS[name]
    (folder / "test/0.png").write_bytes(make())
    refused(capsys, cases, folder, "test/0.png: ", ("predict", "submit"), ensemble=ensemble)
    words = ["predict", str(ensemble), str(folder / "test"), "--out", str(folder.parent / "labels")]
    assert run_search.main(words) == 2


def test_a_photo_s_file_may_not_be_endless(folder: Path, capsys: Capture, cases: Cases) -> None:
    with open(folder / "train/1.png", "r+b") as stream:
        stream.truncate(10**12)
    refused(capsys, cases, folder, "train/1.png: a file of 1000000 MB holds more than 50 megapixels")


def test_a_photo_that_may_not_be_read_is_a_finding(folder: Path, cases: Cases) -> None:
    """For root, everything may be read: then as another user, in a folder that this one may enter."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        photo = Path(shutil.copy(folder / "train/1.png", place))
        photo.chmod(0)
        if not os.access(photo, os.R_OK):
            with pytest.raises(BadInput, match=re.escape(UNREADABLE)):
                read_photo(photo)
            return
        child = os.fork()
        if not child:
            code = 1
            try:
                os.seteuid(65534)
                read_photo(photo)
            except BadInput as error:
                code = 0 if UNREADABLE in str(error) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_every_photo_is_named_once(folder: Path, capsys: Capture, cases: Cases) -> None:
    for name in ("train/0.png", "train/2.png"):
        (folder / name).write_bytes(b"")
    cases.add(2)
    assert run_search.main(words_of("check --all", folder)) == 2
    out = capsys.readouterr().out
    assert [out.count(one["file_name"]) for one in read(folder)["images"]] == [1, 0, 1]
