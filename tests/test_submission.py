"""The submission is the oracle's byte for byte, checks itself, and never stands half-written."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from trashseg_core.errors import BadInput
from trashseg_core.submission import (
    check_submission,
    is_text_of_labels,
    labels_to_text,
    submission_grid,
    write_submission,
)

NAMES = ["batch/a.jpg", 'b, "the best".jpg', "ü/c.jpg"]
CLASSES = 11


def label_maps(count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, CLASSES, (70 + 10 * index, 90), dtype=np.uint8) for index in range(count)]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "submission.csv"
    write_submission(path, NAMES, label_maps(), CLASSES)
    return path


def test_the_oracle_s_case_is_written_byte_for_byte(shared: Path, tmp_path: Path) -> None:
    case = shared / "oracles" / "submission_case"
    names = [image["file_name"] for image in json.loads((case / "test.json").read_text())["images"]]
    maps = (np.asarray(Image.open(case / f"{Path(name).with_suffix('')}.png".replace("/", "__"))) for name in names)
    write_submission(tmp_path / "submission.csv", names, maps, CLASSES)
    assert (tmp_path / "submission.csv").read_bytes() == (case / "expected.csv").read_bytes()


@pytest.mark.parametrize("shape", [(512, 512), (300, 417), (256, 256), (17, 1000), (1, 1)])
def test_the_grid_is_opencv_s_nearest(shape: tuple[int, int]) -> None:
    label_map = np.random.default_rng(1).integers(0, 11, shape, dtype=np.uint8)
    expected = cv2.resize(label_map, (256, 256), interpolation=cv2.INTER_NEAREST)
    assert np.array_equal(submission_grid(label_map), expected)


def test_the_grid_of_512_px_takes_every_second_pixel() -> None:
    label_map = np.random.default_rng(1).integers(0, 11, (512, 512), dtype=np.uint8)
    assert np.array_equal(submission_grid(label_map), label_map[::2, ::2])


def test_the_rows_read_back_row_by_row_in_the_order_of_the_photos(good: Path) -> None:
    csv.field_size_limit(10**7)
    with open(good, newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert [row[0] for row in rows] == ["image_id", *NAMES]
    for row, label_map in zip(rows[1:], label_maps(), strict=True):
        assert np.array_equal(np.array(row[1].split(" "), int).reshape(256, 256), submission_grid(label_map))


@pytest.mark.parametrize("num_classes", [2, 10, 11, 120, 255])
def test_labels_become_the_text_of_a_plain_join_and_are_known_by_it(num_classes: int) -> None:
    labels = np.random.default_rng(0).integers(0, num_classes, 999, dtype=np.uint8)
    text = labels_to_text(labels, num_classes)
    assert text == " ".join(str(label) for label in labels)
    assert is_text_of_labels(text.encode(), 999, num_classes)


@settings(max_examples=300)
@given(st.text("0123456789 :x", max_size=12), st.integers(1, 120))
def test_a_text_of_labels_is_known_whatever_it_is_made_of(text: str, num_classes: int) -> None:
    labels = text.split(" ")
    expected = set(labels) <= {str(label) for label in range(num_classes)}
    assert is_text_of_labels(text.encode(), len(labels), num_classes) == expected
    assert not is_text_of_labels(text.encode(), len(labels) + 1, num_classes)


def test_a_good_file_has_no_faults(good: Path) -> None:
    assert check_submission(good, NAMES, CLASSES) == []


def changed(good: Path, fault: str) -> bytes:
    """The bytes of a submission with one fault."""
    whole = good.read_bytes()
    header, first, second, third = whole.splitlines(keepends=True)
    match fault:
        case "cut off":
            return whole[:-1]
        case "half a row":
            return whole[:-1000] + b"\n"
        case "a row missing":
            return header + first + third
        case "a row too many":
            return whole + third
        case "rows exchanged":
            return header + second + first + third
        case "CR LF":
            return whole.replace(b"\n", b"\r\n")
        case "a byte order mark":
            return b"\xef\xbb\xbf" + whole
        case "another header":
            return whole.replace(b"image_id,", b"id,")
        case "a label too high":
            return header + first[:-2] + b"11\n" + second + third
        case "a leading zero":
            return (
                header
                + first.replace(b",1 ", b",01 ").replace(b",2 ", b",02 ").replace(b" 3 ", b" 03 ", 1)
                + second
                + third
            )
        case "two spaces":
            return header + first.replace(b" 3 ", b"  3 ", 1) + second + third
        case "a trailing space":
            return header + first[:-1] + b" \n" + second + third
        case "a negative label":
            return header + first.replace(b" 3 ", b" -3 ", 1) + second + third
        case "a name without its quotes":
            return header + first + second.replace(b'"b, ""the best"".jpg"', b'b, "the best".jpg') + third
        case "another name":
            return header + first.replace(b"batch/a.jpg", b"batch/A.jpg") + second + third
        case "a quote in a name":
            return header + first.replace(b"batch/a.jpg", b'batch/a".jpg') + second + third
        case "quotes that do not close":
            return header + first.replace(b"batch/a.jpg", b'"batch/a.jpg') + second + third
        case "no UTF-8":
            return whole.replace("ü".encode(), b"\xfc")
        case "commas between labels":
            return header + first.replace(b" 3 ", b",3,", 1) + second + third
        case "no rows":
            return header
        case "nothing":
            return b""
    raise AssertionError(fault)


FAULTS = [
    *("cut off", "half a row", "a row missing", "a row too many", "rows exchanged", "CR LF", "a byte order mark"),
    *("another header", "a label too high", "a leading zero", "two spaces", "a trailing space", "a negative label"),
    *("a name without its quotes", "another name", "a quote in a name", "quotes that do not close", "no UTF-8"),
    *("commas between labels", "no rows", "nothing"),
]


@pytest.mark.reliability("submissions")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_file_has_faults(good: Path, fault: str) -> None:
    broken = changed(good, fault)
    assert broken != good.read_bytes()
    good.write_bytes(broken)
    assert check_submission(good, NAMES, CLASSES)


@pytest.fixture
def validator(shared: Path, tmp_path: Path) -> list[str]:
    """The independent validator as a command, and the test set that `NAMES` stand for."""
    (tmp_path / "test.json").write_text(json.dumps({"images": [{"file_name": name} for name in NAMES]}))
    return [sys.executable, str(shared / "oracles" / "check_submission.py")]


def verdict(validator: list[str], path: Path) -> int:
    words = [*validator, str(path), str(path.parent / "test.json"), "--classes", str(CLASSES)]
    return subprocess.run(words, capture_output=True, timeout=60).returncode


def test_the_independent_validator_accepts_a_good_file(good: Path, validator: list[str]) -> None:
    assert verdict(validator, good) == 0


@pytest.mark.reliability("submissions")
@pytest.mark.parametrize("fault", FAULTS)
def test_the_independent_validator_refuses_the_same_broken_files(good: Path, validator: list[str], fault: str) -> None:
    good.write_bytes(changed(good, fault))
    assert verdict(validator, good) == 1


def test_quotes_that_a_name_does_not_need_are_no_fault(good: Path, validator: list[str]) -> None:
    good.write_bytes(good.read_bytes().replace(b"batch/a.jpg", b'"batch/a.jpg"'))
    assert check_submission(good, NAMES, CLASSES) == []
    assert verdict(validator, good) == 0


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="missing.csv: cannot be read .No such file.* Give the path of a submission"):
        check_submission(tmp_path / "missing.csv", NAMES, CLASSES)


def failing_maps() -> Iterator[np.ndarray]:
    yield from label_maps(2)
    raise RuntimeError("the power went out")


BAD_MAPS = {
    "missing": (lambda: label_maps(2), ValueError, "shorter"),
    "extra": (lambda: label_maps(4), ValueError, "longer"),
    "failing": (failing_maps, RuntimeError, "the power went out"),
    "unknown label": (lambda: [np.full((9, 9), 255, np.uint8)] * 3, (ValueError, IndexError), "255"),
}


@pytest.mark.reliability("submissions")
@pytest.mark.parametrize("kind", BAD_MAPS)
def test_label_maps_that_do_not_fit_raise_and_leave_no_file(tmp_path: Path, kind: str) -> None:
    maps, error, message = BAD_MAPS[kind]
    with pytest.raises(error, match=message):
        write_submission(tmp_path / "submission.csv", NAMES, maps(), CLASSES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.reliability("submissions")
@pytest.mark.parametrize("kind", BAD_MAPS)
def test_an_existing_submission_stands_untouched_when_a_new_one_fails(good: Path, kind: str) -> None:
    before = good.read_bytes()
    maps, error, message = BAD_MAPS[kind]
    with pytest.raises(error, match=message):
        write_submission(good, NAMES, maps(), CLASSES)
    assert good.read_bytes() == before
    assert list(good.parent.iterdir()) == [good]


@pytest.mark.reliability("submissions")
def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a folder. Give the path of a CSV file"):
        write_submission(tmp_path, NAMES, label_maps(), CLASSES)


def test_a_name_with_a_line_break_is_refused_rather_than_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fails its own check"):
        write_submission(tmp_path / "submission.csv", ["a\nb.jpg"], label_maps(1), CLASSES)
    assert list(tmp_path.iterdir()) == []


def test_a_submission_into_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        write_submission(tmp_path / "missing" / "submission.csv", NAMES, label_maps(), CLASSES)
