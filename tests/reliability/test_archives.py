"""No verb unpacks an archive; files of ours that are archives inside are weighed before they are read."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.made_run import made_search
from tests.reliability.cases import Cases
from tests.reliability.outcomes import fault_in, outcome_of
from trashseg_core.checkpoint import STATE, read_state
from trashseg_core.disk import zip_files
from trashseg_core.errors import BadInput
from trashseg_core.val_confusions import CONFUSIONS, Confusions, read_confusions, write_confusions

pytestmark = pytest.mark.reliability("archives")


def tar_of(member: Callable[[tarfile.TarInfo], Any], name: str = "train.json") -> bytes:
    """A tar file with one member, changed."""
    info, content = tarfile.TarInfo(name), b"{}"
    info.size = len(content)
    member(info)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def zip_of(name: str, content: bytes, mode: int = 0o644) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, content)
    return stream.getvalue()


def linked(kind: bytes, target: str) -> Callable[[tarfile.TarInfo], None]:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname, info.size = kind, target, 0

    return change


def leave(info: tarfile.TarInfo) -> None:
    """A plain member."""


PACKED: dict[str, Callable[[], bytes]] = {
    "plain.tar": lambda: tar_of(leave),
    "way_out.tar": lambda: tar_of(leave, "../../escaped"),
    "absolute.tar": lambda: tar_of(leave, "/escaped"),
    "link.tar": lambda: tar_of(linked(tarfile.SYMTYPE, "/etc/passwd")),
    "hard_link.tar": lambda: tar_of(linked(tarfile.LNKTYPE, "/etc/passwd")),
    "device.tar": lambda: tar_of(linked(tarfile.CHRTYPE, "")),
    "fifo.tar": lambda: tar_of(linked(tarfile.FIFOTYPE, "")),
    "way_out.zip": lambda: zip_of("../../escaped", b"{}"),
    "absolute.zip": lambda: zip_of("/escaped", b"{}"),
    "link.zip": lambda: zip_of("train.json", b"/etc/passwd", 0o120777),
    "bomb.zip": lambda: zip_of("train.json", bytes(50_000_000)),
    "empty.zip": lambda: b"PK\x05\x06" + bytes(18),
    "a.tar.gz": lambda: gzip.compress(tar_of(leave)),
    "a.tar.bz2": lambda: bz2.compress(tar_of(leave)),
    "a.tar.xz": lambda: lzma.compress(tar_of(leave)),
    "photo.jpg": lambda: zip_of("photo.jpg", b"x"),
}
PLACES: dict[str, Callable[[str, str], list[str]]] = {
    "check": lambda path, run: ["check", path],
    "search": lambda path, run: ["search", "--data", path, "--space", "quick", "--name", "n"],
    "search=": lambda path, run: ["search", f"--data={path}", "--space", "quick", "--name", "n"],
    "train": lambda path, run: ["train", "--data", path, "--out", "single"],
    "teacher": lambda path, run: ["train", "--data", "d", "--teacher", path, "--out", "single"],
    "predict": lambda path, run: ["predict", path, "photos", "--out", "labels"],
    "photos": lambda path, run: ["predict", run, path, "--out", "labels"],
    "submit": lambda path, run: ["submit", path],
    "test": lambda path, run: ["submit", run, "--test", path],
    "csv": lambda path, run: ["stability", "--csv", path, "--truth", "val.json"],
    "taco": lambda path, run: ["import-taco", path, "out"],
    "masks": lambda path, run: ["import-masks", "photos", path, "out"],
    "yolo": lambda path, run: ["import-yolo", path, "out"],
    "resume": lambda path, run: ["resume", path],
    "warm start": lambda path, run: ["search", "--data", "d", "--space", "quick", "--name", "n", "--warm-start", path],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(made_search(tmp_path_factory.mktemp("made") / "run", num_trials=4))


@pytest.mark.parametrize("name", PACKED)
def test_an_archive_is_refused_wherever_it_is_given_and_nothing_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: str, name: str, rounds: int, cases: Cases
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path(name).write_bytes(PACKED[name]())
    for place in list(PLACES)[sum(map(ord, name)) % 3 :: 1 if rounds > 3 else 3]:
        cases.add()
        found = outcome_of(*PLACES[place](name, run))
        assert found.code == 2 and "Unpack it first" in found.err and fault_in(found) is None, (place, found)
    assert os.listdir() == [name] and os.listdir("..") == ["here"]


def test_confusion_matrices_that_unpack_to_too_much_are_refused_before_they_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_files, "MAX_BYTES", 1_000_000)
    bomb = Confusions(np.zeros((2000, 50, 50), np.int64), ["a.jpg"] * 2000, ["x"] * 50)
    write_confusions(tmp_path, bomb)
    assert (tmp_path / CONFUSIONS).stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match="confusions.npz: cannot be read .*unpack to 4"):
            read_confusions(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_header_that_lies_about_its_shape_takes_no_memory(tmp_path: Path) -> None:
    header = np.lib.format
    stream = io.BytesIO()
    header.write_array_header_1_0(stream, {"descr": "<i8", "fortran_order": False, "shape": (10**6, 10**3, 10**3)})
    with zipfile.ZipFile(tmp_path / CONFUSIONS, "w") as archive:
        for name in ("per_image", "file_names", "class_names"):
            archive.writestr(f"{name}.npy", stream.getvalue())
    with pytest.raises(BadInput, match="confusions.npz: cannot be read"):
        read_confusions(tmp_path)


def test_a_state_that_is_packed_or_no_zip_is_refused_before_torch_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cases: Cases
) -> None:
    torch.save({"epoch": 3, "weights": torch.zeros(500_000)}, tmp_path / STATE)
    assert read_state(tmp_path)["epoch"] == 3
    with zipfile.ZipFile(tmp_path / STATE) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / STATE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch was asked"))
    cases.add()
    with pytest.raises(BadInput, match=r"state.pt: cannot be read \(its [\d,]+ bytes unpack to 2,0"):
        read_state(tmp_path)
    for content in (b"", b"\x80\x02}q\x00.", b"PK\x03\x04" + bytes(40)):
        (tmp_path / STATE).write_bytes(content)
        cases.add()
        with pytest.raises(BadInput, match="state.pt: cannot be read"):
            read_state(tmp_path)


def test_a_pipe_in_the_place_of_a_state_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / STATE)
    os.mkfifo(tmp_path / CONFUSIONS)
    for read in (read_state, read_confusions):
        with pytest.raises(BadInput, match="not a regular file"):
            read(tmp_path)
