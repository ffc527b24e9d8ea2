"""File names of photos: none leads out of the data folder, none makes a verb wait, and a near miss is named."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

import run_search
from tests.reliability.bad_folders import (
    Capture,
    accepted,
    change,
    ensemble,
    folder,
    own_signal_handlers,
    refused,
    words_of,
)
from tests.reliability.cases import Cases
from tests.reliability.test_annotation_entries import put
from tests.reliability.test_annotation_files import a_socket, endless, loop
from tests.tiny import write_photo

__all__ = ["ensemble", "folder", "own_signal_handlers"]
pytestmark = pytest.mark.reliability("file-names")

OUTSIDE = [
    *("../a.png", "train/../../a.png", "../../../../../../../../etc/passwd", "train/..", "..", "../data/train/1.png"),
    *("/etc/passwd", "//server/share/a.png", "/", "/dev/zero", "/proc/self/environ"),
    *(
        "C:\\a.png",
        "c:/a.png",
        "C:a.png",
        "\\\\server\\share\\a.png",
        "\\a.png",
        "..\\..\\a.png",
        "train\\..\\..\\a.png",
    ),
    *("http://x/a.png", "https://x/a.png", "file:///etc/passwd", "file:/etc/passwd", "s3://bucket/a.png", "gs://b/a"),
    *("ftp://x/a.png", "HTTP://x/a.png", "zip+file://a", "data:image/png;base64,AAAA", "hdfs://a/b"),
]
NO_TEXT = ["a\0.png", "a\n.png", "\x1b[2J.png", "a\r.png", "\t.png", "a\u2028.png", "\ud800.png", "a\udcff.png"]
NO_NAME = ["", None, 7, True, ["a.png"], {"a": 1}, 1.5]
NOT_THERE = [
    *("nowhere.png", "nowhere/1.png", "train/1.png.bak", "train/1", "~/a.png", "$HOME/a.png", "$(touch ran).png"),
    *("CON.png", "NUL", "aux", "train/1.png:stream", "%2e%2e/a.png", " train/1.png", "train /1.png", "\u202egnp.a"),
    *(
        "x" * 256 + ".png",
        "d/" * 3000 + "a.png",
        "train/1.png/2.png",
        "*.png",
        "train/?.png",
        "-rf",
        "tr\u0430in/1.png",
    ),
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_is_refused(folder: Path, capsys: Capture, cases: Cases, name: str) -> None:
    change(folder, put("images/1/file_name", name))
    refused(capsys, cases, folder, f"train.json {name}: leads outside {folder}. Use paths relative")
    refused(capsys, cases, folder, "leads outside", ("check", "train"), more=("--skip-bad",))


@pytest.mark.parametrize("name", NO_TEXT)
def test_a_name_that_cannot_be_printed_is_refused(folder: Path, capsys: Capture, cases: Cases, name: str) -> None:
    change(folder, put("images/1/file_name", name))
    refused(capsys, cases, folder, f"/images/1/file_name {ascii(name)} ", more=("--skip-bad",))


@pytest.mark.parametrize("name", NO_NAME)
def test_what_is_no_name_is_refused(folder: Path, capsys: Capture, cases: Cases, name: object) -> None:
    change(folder, put("images/1/file_name", name))
    refused(capsys, cases, folder, "/images/1/file_name is ")


@pytest.mark.parametrize("name", NOT_THERE)
def test_a_photo_that_is_not_there_is_a_finding(folder: Path, capsys: Capture, cases: Cases, name: str) -> None:
    change(folder, put("images/1/file_name", name))
    for verb in ("check", "train"):
        cases.add()
        assert run_search.main(words_of(verb, folder)) == 2
        err = capsys.readouterr().err
        assert ": no such photo." in err or " cannot be read (" in err
    accepted(capsys, cases, folder, ("--skip-bad",))


@pytest.mark.parametrize("name", ["../a.png", "/etc/passwd", "a\0.png", "nowhere.png", "", "file:///etc/passwd"])
def test_predict_and_submit_open_no_photo_elsewhere_and_leave_none_out(
    folder: Path, capsys: Capture, cases: Cases, ensemble: Path, name: str
) -> None:
    change(folder, put("images/0/file_name", name), "test")
    refused(capsys, cases, folder, "test.json", ("check", "search", "predict", "submit"), ensemble=ensemble)
    refused(capsys, cases, folder, "test.json", ("check", "search"), more=("--skip-bad",))
    assert not list(folder.parent.rglob("*.csv")) and not (folder.parent / "labels").exists()


def three_hops(path: Path) -> None:
    """A link to a link to a link that leads out."""
    outside = path.parents[2] / "outside.png"
    write_photo(outside, seed=99)
    path.symlink_to("hop.png")
    (path.parent / "hop.png").symlink_to("../hops")
    (path.parents[1] / "hops").symlink_to(outside)


def through_a_folder(path: Path) -> None:
    """The whole folder of photos lies elsewhere."""
    path.parent.rename(path.parents[2] / "elsewhere")
    path.parent.symlink_to("../elsewhere")
    write_photo(path.parents[2] / "elsewhere/1.png", seed=99)


LINKS: dict[str, Callable[[Path], None]] = {"three-hops": three_hops, "folder": through_a_folder}
SPECIAL: dict[str, tuple[Callable[[Path], None], str]] = {
    "fifo": (lambda path: os.mkfifo(path), "train/1.png: not a regular file"),
    "device": (endless, "train/1.png: not a regular file"),
    "socket": (a_socket, "train/1.png: not a regular file"),
    "folder": (Path.mkdir, "train/1.png: not a regular file"),
    "link-to-a-folder": (lambda path: path.symlink_to("../val"), "train/1.png: not a regular file"),
    "terminal": (lambda path: path.symlink_to("/dev/tty"), "train/1.png: not a regular file"),
    "loop": (loop, "train/1.png: cannot be read (Too many levels of symbolic links)"),
    "link-to-nothing": (lambda path: path.symlink_to("nothing.png"), "train/1.png: no such photo"),
    "link-to-the-parent": (lambda path: path.symlink_to(".."), "train/1.png: not a regular file"),
    "hidden-outside": (lambda path: path.symlink_to("/etc/passwd"), "train/1.png: the link leads out of the data"),
    "of-a-process": (lambda path: path.symlink_to("/proc/self/environ"), "train/1.png: the link leads out of the data"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPECIAL)
def test_what_is_no_photo_is_never_opened(folder: Path, capsys: Capture, cases: Cases, case: str) -> None:
    make, said = SPECIAL[case]
    (folder / "train/1.png").unlink()
    make(folder / "train/1.png")
    refused(capsys, cases, folder, said, ("check", "train", "search"))


@pytest.mark.parametrize("case", LINKS)
def test_a_link_out_of_the_folder_needs_its_flag(folder: Path, capsys: Capture, cases: Cases, case: str) -> None:
    (folder / "train/1.png").unlink()
    LINKS[case](folder / "train/1.png")
    said = "the link leads out of the data folder. Add `--follow-links` to accept that."
    refused(capsys, cases, folder, said, ("check", "train", "search"))
    accepted(capsys, cases, folder, ("--follow-links",))


def test_predict_takes_the_flag_for_links_too(folder: Path, capsys: Capture, cases: Cases, ensemble: Path) -> None:
    (folder / "test/0.png").unlink()
    write_photo(folder.parent / "outside.png")
    (folder / "test/0.png").symlink_to("../../outside.png")
    refused(capsys, cases, folder, "Add `--follow-links`", ("predict", "submit"), ensemble=ensemble)
    cases.add()
    assert run_search.main([*words_of("predict", folder, ensemble), "--follow-links"]) == 0


@pytest.mark.parametrize("case", ["fifo", "device", "socket", "loop", "link-to-nothing"])
def test_predict_leaves_no_entry_of_a_folder_of_photos_out(
    folder: Path, capsys: Capture, cases: Cases, ensemble: Path, case: str
) -> None:
    SPECIAL[case][0](folder / "train/9.png")
    cases.add()
    words = ["predict", str(ensemble), str(folder / "train"), "--out", str(folder.parent / "labels")]
    assert run_search.main(words) == 2
    assert f"{folder}/train/9.png: not a regular file, or a link to nothing" in capsys.readouterr().err


NEAR = {
    "case": ("train/a.png", "train/A.png"),
    "suffix": ("train/a.png", "train/a.PNG"),
    "folder": ("Train/a.png", "train/a.png"),
    "folder-and-name": ("TRAIN/A.PNG", "train/a.png"),
    "composed": (unicodedata.normalize("NFC", "müll.png"), unicodedata.normalize("NFD", "müll.png")),
    "decomposed": (unicodedata.normalize("NFD", "träin/müll.png"), unicodedata.normalize("NFC", "träin/müll.png")),
    "sharp-s": ("STRASSE.png", "straße.png"),
}  # fmt: skip


@pytest.mark.parametrize("case", NEAR)
def test_a_name_that_differs_in_case_or_form_only_names_the_near_one(
    folder: Path, capsys: Capture, cases: Cases, case: str
) -> None:
    name, there = NEAR[case]
    write_photo(folder / there, seed=99)
    change(folder, put("images/1/file_name", name))
    refused(capsys, cases, folder, f"{name}: no such photo, but {there!r} is there. Correct file_name.")
    refused(capsys, cases, folder, "no such photo, but", ("check", "search"), more=("--skip-bad",))


def test_all_bad_names_of_a_file_are_listed(folder: Path, capsys: Capture, cases: Cases) -> None:
    names = [*OUTSIDE, *NOT_THERE]
    images = [{"id": 9 + id, "file_name": name, "height": 30, "width": 40} for id, name in enumerate(names)]
    change(folder, lambda document: document["images"].extend(images))
    cases.add(len(names))
    assert run_search.main(words_of("check --all", folder)) == 2
    out, err = capsys.readouterr()
    assert [name for name in names if f" {name}: " not in out and f" {name} is listed by " not in out] == []
    assert f"{len(names)} finding(s) in all." in err


@pytest.mark.parametrize(
    "name", ["a,b.png", 'a"b.png', "a b.png", "müll.png", "日本.png", "a;b'c.png", "=1+1.png", "a\\b.png"]
)
def test_an_unusual_name_that_is_there_is_fine(folder: Path, capsys: Capture, cases: Cases, name: str) -> None:
    write_photo(folder / name, seed=99)
    change(folder, put("images/1/file_name", name))
    accepted(capsys, cases, folder)
