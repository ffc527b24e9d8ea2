"""Annotation files as a whole: whatever lies there in their place, it is refused with one line and nothing happens."""

import os
import socket
from pathlib import Path

import pytest

from tests.reliability.bad_folders import (
    Capture,
    accepted,
    change,
    ensemble,
    folder,
    own_signal_handlers,
    refused,
)
from tests.reliability.cases import Cases

__all__ = ["ensemble", "folder", "own_signal_handlers"]
pytestmark = pytest.mark.reliability("annotation-files")

GOOD = b'{"images": [], "categories": [], "annotations": []}'
TEXTS = {
    "empty": (b"", "the file is empty"),
    "whitespace": (b" \n\t \r\n", "the file is empty"),
    "byte-order-mark-only": (b"\xef\xbb\xbf", "the file is empty"),
    "html": (b"<!doctype html><html></html>", "not valid JSON (line 1, column 1"),
    "text": (b"hello", "not valid JSON (line 1, column 1"),
    "truncated": (GOOD[:-2], "not valid JSON (line 1, column 50"),
    "truncated-in-a-string": (GOOD[:5], "not valid JSON (line 1, column 2"),
    "second-document": (GOOD + GOOD, "not valid JSON (line 1, column 52: Extra data"),
    "trailing-comma": (b'{"images": [1,]}', "not valid JSON (line 1, column 15"),
    "comment": (b"// COCO\n{}", "not valid JSON (line 1, column 1"),
    "single-quotes": (b"{'images': []}", "not valid JSON (line 1, column 2"),
    "python": (b'{"images": None}', "not valid JSON (line 1, column 12"),
    "control-character": (b'{"a\nb": 1}', "not valid JSON (line 1, column 4"),
    "list": (b"[]", "the top level is a list, but must be an object"),
    "string": (b'"train"', "the top level is a str, but must be an object"),
    "number": (b"7", "the top level is a int, but must be an object"),
    "null": (b"null", "the top level is a NoneType, but must be an object"),
    "nan": (b'{"images": NaN}', "NaN is not a JSON number"),
    "infinity": (b'{"images": [Infinity]}', "Infinity is not a JSON number"),
    "minus-infinity": (b'{"a": {"b": -Infinity}}', "-Infinity is not a JSON number"),
    "digits": (b'{"images": ' + b"9" * 5000 + b"}", "Exceeds the limit (4300 digits)"),
    "key-twice": (b'{"images": [], "images": []}', "key 'images' occurs twice"),
    "key-twice-deep-inside": (b'{"a": [{"b": {"c": 1, "d": 2, "c": 1}}]}', "key 'c' occurs twice"),
    "endless-key-twice": (b'{"%s": 1, "%s": 2}' % (b"k" * 90_000, b"k" * 90_000), "kkk\u2026 occurs twice"),
    "brackets": (b"[" * 100_000, "lists or objects are nested too deeply"),
    "closed-brackets": (b"[" * 100_000 + b"]" * 100_000, "lists or objects are nested too deeply"),
    "braces": (b'{"a":' * 100_000, "lists or objects are nested too deeply"),
    "utf-16": (GOOD.decode().encode("utf-16"), "not UTF-8 text (byte 0)"),
    "utf-32": (GOOD.decode().encode("utf-32"), "not UTF-8 text"),
    "latin-1": ('{"a": "müll"}'.encode("latin-1"), "not UTF-8 text (byte 8)"),
    "zeros": (b"\0" * 4096, "not valid JSON (line 1, column 1"),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0", "not UTF-8 text (byte 1)"),
    "zip": (b"PK\x03\x04\x14\0", "not valid JSON (line 1, column 1"),
    "pickle": (b"\x80\x04\x95\0\0\0\0.", "not UTF-8 text (byte 0)"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\n", "not valid JSON (line 1, column 1"),
    "no-keys": (b"{}", "/categories is missing, but must be a list"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_text_that_is_no_annotation_file_is_refused(folder: Path, capsys: Capture, cases: Cases, case: str) -> None:
    content, said = TEXTS[case]
    (folder / "train.json").write_bytes(content)
    refused(capsys, cases, folder, f"train.json: {said}" if not said.startswith("kkk") else said)


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_other_files_are_read_with_the_same_care(folder: Path, capsys: Capture, cases: Cases, split: str) -> None:
    (folder / f"{split}.json").write_bytes(b"[" * 100_000)
    refused(capsys, cases, folder, f"{split}.json: lists or objects are nested too deeply", ("check", "search"))


@pytest.mark.parametrize("case", ["empty", "truncated", "brackets", "key-twice-deep-inside", "utf-16", "list"])
def test_predict_and_submit_refuse_a_bad_test_file(
    folder: Path, capsys: Capture, cases: Cases, ensemble: Path, case: str
) -> None:
    content, said = TEXTS[case]
    (folder / "test.json").write_bytes(content)
    refused(capsys, cases, folder, f"test.json: {said}", ("predict", "submit"), ensemble=ensemble)
    assert not (folder.parent / "labels").exists()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_socket(path: Path) -> None:
    place = path.parent
    before = Path.cwd()
    os.chdir(place)  # the path of a socket has room for 107 characters
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(path.name)
    finally:
        os.chdir(before)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def nothing(path: Path) -> None:
    pass


SPECIAL = {
    "missing": (nothing, "cannot be read (No such file or directory)"),
    "folder": (Path.mkdir, "cannot be read (Is a directory)"),
    "fifo": (fifo, "not a regular file"),
    "device": (endless, "not a regular file"),
    "socket": (a_socket, "not a regular file"),
    "loop": (loop, "cannot be read (Too many levels of symbolic links)"),
}


@pytest.mark.parametrize("case", SPECIAL)
@pytest.mark.parametrize("split", ["train", "val"])
def test_what_is_no_file_is_not_waited_for(folder: Path, capsys: Capture, cases: Cases, case: str, split: str) -> None:
    make, said = SPECIAL[case]
    (folder / f"{split}.json").unlink()
    make(folder / f"{split}.json")
    refused(capsys, cases, folder, f"{split}.json: {said}", ("check", "train", "search"))


def test_a_file_above_the_cap_is_refused_with_the_flag_that_lifts_it(
    folder: Path, capsys: Capture, cases: Cases
) -> None:
    with open(folder / "train.json", "r+b") as stream:
        stream.truncate(1_500_000)
    said = "train.json: 1.5 MB is above the cap of 1 MB. Raise `--max-json-mb`."
    refused(capsys, cases, folder, said, ("check", "train", "search"), more=("--max-json-mb", "1"))


def test_a_data_folder_that_is_none_is_refused(folder: Path, capsys: Capture, cases: Cases) -> None:
    for place in (folder / "nowhere", folder / "train.json", folder / ("x" * 300)):
        refused(capsys, cases, place, "no such data folder", ("check",))


@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_a_byte_order_mark_does_not_matter(folder: Path, capsys: Capture, cases: Cases, mark: str) -> None:
    text = (folder / "train.json").read_text(encoding="utf-8")
    (folder / "train.json").write_text(mark + text, encoding="utf-8")
    accepted(capsys, cases, folder)


def test_splits_with_other_categories_are_refused(folder: Path, capsys: Capture, cases: Cases) -> None:
    change(folder, lambda document: document["categories"][1].update(name="glass"), "val")
    said = "val.json: its categories differ from those of train.json (first: 2 'glass')"
    refused(capsys, cases, folder, said, ("check", "train", "search"))
