"""What an import reads is looked at as a data folder is: names, kinds, links, photos. A refused one leaves nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import run_search
from tests.reliability.bad_folders import Capture, own_signal_handlers
from tests.reliability.cases import Cases
from tests.reliability.strange_photos import BOMBS, DAMAGED
from tests.reliability.test_annotation_files import a_socket, endless, loop
from tests.tiny import listing, write_photo

__all__ = ["own_signal_handlers"]

ENTRIES: dict[str, tuple[Callable[[Path], None], str]] = {
    "fifo": (lambda path: os.mkfifo(path), "not a regular file"),
    "device": (endless, "the link leads out of"),
    "socket": (a_socket, "not a regular file"),
    "loop": (loop, "not a regular file"),
    "link-to-nothing": (lambda path: path.symlink_to("nothing.png"), "not a regular file"),
    "link-out": (lambda path: path.symlink_to("/etc/passwd"), "the link leads out of"),
}
PHOTOS = ["empty", "text", "postscript", "JPEG-cut-at-50", "PNG-cut-at-90", "png-flipped-bit", "float-tiff"]


def source(base: Path, kind: str) -> tuple[Path, list[str]]:
    """A small source of an import: the folder of its photos, and the command that brings it in."""
    photos, out = base / "source/images", str(base / "out")
    for number in range(12):
        write_photo(photos / f"{number}.png", seed=number)
    labels = base / "source" / ("labels" if kind == "yolo" else "masks")
    labels.mkdir()
    for number in range(12):
        if kind == "yolo":
            (labels / f"{number}.txt").write_text(f"{number % 2} 0.1 0.1 0.8 0.1 0.8 0.8\n")
        else:
            Image.fromarray(np.full((30, 40), 1 + number % 2, np.uint8)).save(labels / f"{number}.png")
    if kind == "yolo":
        (base / "source/data.yaml").write_text("names: [paper, metal]\ntrain: images\n")
        return photos, ["import-yolo", str(base / "source"), out]
    return photos, ["import-masks", str(photos), str(labels), out]


def refused(base: Path, capsys: Capture, words: list[str], said: str) -> None:
    """The import ends with one line, writes nothing, and leaves the source as it is."""
    before = listing(base)
    assert run_search.main(words) == 2
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err and err.splitlines()[-1].startswith("run_search.py: ")
    assert {name: one for name, one in listing(base).items() if name != "."} == {
        name: one for name, one in before.items() if name != "."
    }


@pytest.mark.reliability("file-names")
@pytest.mark.parametrize("case", ENTRIES)
@pytest.mark.parametrize("kind", ["yolo", "masks"])
def test_an_import_waits_for_nothing_and_follows_no_link(
    tmp_path: Path, capsys: Capture, cases: Cases, kind: str, case: str
) -> None:
    photos, words = source(tmp_path, kind)
    make, said = ENTRIES[case]
    (photos / "3.png").unlink()
    make(photos / "3.png")
    refused(tmp_path, capsys, words, said)


@pytest.mark.reliability("photos")
@pytest.mark.parametrize("name", [*PHOTOS, "png-30000", "png-texts", "gif-65535"])
@pytest.mark.parametrize("kind", ["yolo", "masks"])
def test_an_import_refuses_a_photo_that_cannot_be_decoded(
    tmp_path: Path, capsys: Capture, cases: Cases, kind: str, name: str
) -> None:
    photos, words = source(tmp_path, kind)
    (photos / "3.png").write_bytes(DAMAGED[name]() if name in DAMAGED else BOMBS[name][2]())
    refused(tmp_path, capsys, words, "3.png: ")


@pytest.mark.reliability("photos")
@pytest.mark.parametrize("name", [*PHOTOS[:-1], "png-30000", "png-texts"])
def test_an_import_refuses_a_label_picture_that_cannot_be_decoded(
    tmp_path: Path, capsys: Capture, cases: Cases, name: str
) -> None:
    photos, words = source(tmp_path, "masks")
    (tmp_path / "source/masks/3.png").write_bytes(DAMAGED[name]() if name in DAMAGED else BOMBS[name][2]())
    refused(tmp_path, capsys, words, "masks/3.png: ")


@pytest.mark.reliability("segmentations")
def test_a_yolo_outline_that_would_take_all_memory_is_refused(tmp_path: Path, capsys: Capture) -> None:
    _, words = source(tmp_path, "yolo")
    zigzag = " ".join(f"{step % 2} {step % 29 / 29:.2f}" for step in range(200_000))
    (tmp_path / "source/labels/3.txt").write_text(f"0 {zigzag}\n")
    refused(tmp_path, capsys, words, "an outline of")
