"""Nothing makes a wrong submission: test files without an answer, outputs that exist, names that CSV has to quote."""

import json
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reliability.cases import Cases
from tests.reliability.damaged_runs import copy_of
from tests.reliability.outcomes import fault_in, outcome_of
from trashseg_core.data.coco import read_split
from trashseg_core.errors import BadInput
from trashseg_core.submission import MAX_LINE, check_submission, write_submission

pytestmark = pytest.mark.reliability("submissions")

TESTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no photos": (lambda test: test.update(images=[]), "images"),
    "no list of photos": (lambda test: test.pop("images"), "images"),
    "an id twice": (lambda test: test["images"].append(test["images"][0]), "images"),
    "a photo twice": (lambda test: test["images"].append({**test["images"][0], "id": 9999}), "/images/10"),
    "a missing photo": (lambda test: test["images"][0].update(file_name="gone.jpg"), "gone.jpg"),
    "another size": (lambda test: test["images"][0].update(width=33), "33"),
    "other classes": (lambda test: test["categories"].pop(), "categories"),
    "classes renumbered": (lambda test: test["categories"][0].update(id=77), "categories"),
    "a way out": (lambda test: test["images"][0].update(file_name="../secret.jpg"), "secret.jpg"),
    "a name with a line break": (lambda test: test["images"][0].update(file_name="a\nb.jpg"), "file_name"),
}


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return copy_of(finished, tmp_path / finished.name)


@pytest.fixture
def data(folders: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the data folder, which a test may change."""
    return Path(shutil.copytree(folders[0], tmp_path / "data"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", TESTS)
def test_a_test_file_that_cannot_be_answered_is_refused_and_no_csv_begun(run: Path, data: Path, kind: str) -> None:
    change, named = TESTS[kind]
    document = json.loads((data / "test.json").read_text())
    change(document)
    (data / "test.json").write_text(json.dumps(document))
    found = outcome_of("submit", str(run), "--test", str(data / "test.json"), "--output", str(run / "new.csv"))
    assert fault_in(found) is None and found.code == 2 and named in found.err, found
    assert not [path.name for path in run.iterdir() if "new.csv" in path.name]


@pytest.mark.slow
def test_a_photo_that_went_bad_leaves_no_csv_behind(run: Path, data: Path) -> None:
    name = json.loads((data / "test.json").read_text())["images"][-1]["file_name"]
    (data / name).write_bytes((data / name).read_bytes()[:400])
    found = outcome_of("submit", str(run), "--test", str(data / "test.json"), "--output", str(run / "new.csv"))
    assert found.code == 2 and name in found.err, found
    assert not [path.name for path in run.iterdir() if "new.csv" in path.name]


@pytest.mark.slow
def test_an_output_that_is_there_gives_way_only_by_force_or_where_it_is_our_own(run: Path, cases: Cases) -> None:
    own, mine = run / "submission.csv", run / "mine.csv"
    content = own.read_bytes()
    mine.write_text("precious")
    for words, said in (
        (["--output", str(mine)], "mine.csv is there already. Add `--force`"),
        (["--output", str(own)], "submission.csv is there already. Add `--force`"),
        (["--output", str(run)], "is a folder"),
        (["--output", str(run / "none" / "a.csv")], "no such folder"),
        (["--output", str(mine / "a.csv")], "no such folder"),
    ):
        cases.add()
        found = outcome_of("submit", str(run), *words)
        assert fault_in(found) is None and found.code == 2 and said in found.err, found
    assert mine.read_text() == "precious" and own.read_bytes() == content
    cases.add(2)
    assert outcome_of("submit", str(run)).code == 0, "our own gives way"
    assert outcome_of("submit", str(run), "--output", str(mine), "--force").code == 0
    assert own.read_bytes() == mine.read_bytes() == content
    own.write_bytes(content + b"changed by hand\n")
    cases.add()
    assert "is there already" in outcome_of("submit", str(run)).err
    assert own.read_bytes() == content + b"changed by hand\n"


NAMES = [
    "=1+1.jpg",
    "+cmd|.jpg",
    "@a.jpg",
    "-1.jpg",
    "a,b.jpg",
    '"a".jpg',
    'a"b.jpg',
    '""',
    "a, b.jpg",
    " a.jpg ",
    "'a'",
]
NAMES += ["tab-free;semi.jpg", "ünïcode/ж/写.jpg", "😀.jpg", "a b/c.jpg", "image_id", ",", "1", "%0A.jpg", "x" * 240]


def test_every_name_that_may_stand_in_a_test_file_comes_into_a_valid_csv(
    tmp_path: Path, shared: Path, cases: Cases
) -> None:
    images = [{"id": number, "file_name": name, "width": 8, "height": 8} for number, name in enumerate(NAMES)]
    test = tmp_path / "test.json"
    test.write_text(json.dumps({"images": images, "categories": [{"id": 1, "name": "paper"}]}))
    assert [photo.file_name for photo in read_split(test, needs_annotations=False).photos] == NAMES
    cases.add(len(NAMES))
    write_submission(tmp_path / "a.csv", NAMES, [np.zeros((8, 8), np.uint8)] * len(NAMES), 2)
    oracle = [sys.executable, str(shared / "oracles" / "check_submission.py"), str(tmp_path / "a.csv"), str(test)]
    done = subprocess.run(oracle, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("number", [*range(32), 0x7F, 0x85, 0x2028, 0x2029])
def test_a_name_that_would_break_a_row_never_gets_into_a_test_set(tmp_path: Path, number: int) -> None:
    """Refused where the file is read, or written so that the row is still one row."""
    name = f"a{chr(number)}b.jpg"
    image = {"id": 1, "file_name": name, "width": 8, "height": 8}
    test = tmp_path / "test.json"
    test.write_text(json.dumps({"images": [image], "categories": [{"id": 1, "name": "paper"}]}))
    try:
        split = read_split(test, needs_annotations=False)
    except BadInput:
        return
    if split.findings:
        return
    write_submission(tmp_path / "a.csv", [name], [np.zeros((8, 8), np.uint8)], 2)
    assert (tmp_path / "a.csv").read_bytes().count(b"\n") == 2


def test_a_csv_without_line_breaks_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "endless.csv"
    with open(path, "wb") as stream:
        stream.truncate(100 * MAX_LINE)  # a sparse file
    tracemalloc.start()
    try:
        faults = check_submission(path, ["a.jpg"], 2)
        assert tracemalloc.get_traced_memory()[1] < 20 * MAX_LINE
    finally:
        tracemalloc.stop()
    assert "the header is not" in faults[0] and "does not end in a single LF" in faults[1]
