"""`submit --check` says what the independent validator says, and every refusal is one line with exit code 2."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import run_search
from tests.test_cli import write_run
from tests.test_submission import CLASSES, FAULTS, NAMES, changed, label_maps
from trashseg_core.submission import write_submission

pytestmark = pytest.mark.reliability("submissions")

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def test_file(tmp_path: Path) -> Path:
    """The test set that `NAMES` stand for, without its photos."""
    images = [{"id": number, "file_name": name, "height": 70, "width": 90} for number, name in enumerate(NAMES)]
    categories = [{"id": number, "name": f"class {number}"} for number in range(1, CLASSES)]
    path = tmp_path / "data" / "test.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"images": images, "categories": categories}))
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    write_submission(path, NAMES, label_maps(), CLASSES)
    return path


def test_a_valid_file_is_called_valid(capsys: Capture, good: Path, test_file: Path) -> None:
    assert run_search.main(["submit", "--check", str(good), "--test", str(test_file)]) == 0
    assert capsys.readouterr().out == f"{good}: valid, 3 rows of 65536 labels, 0 to 10\n"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_verb_and_the_independent_validator_refuse_the_same_files(
    capsys: Capture, shared: Path, good: Path, test_file: Path, fault: str
) -> None:
    good.write_bytes(changed(good, fault))
    assert run_search.main(["submit", "--check", str(good), "--test", str(test_file)]) == 2
    said = capsys.readouterr()
    assert said.out.startswith(f"{good}: ")
    assert "is not valid: " in said.err and len(said.err.splitlines()) == 1
    oracle = [sys.executable, str(shared / "oracles" / "check_submission.py"), str(good), str(test_file)]
    assert subprocess.run(oracle, capture_output=True, timeout=60).returncode == 1


def test_the_independent_validator_finds_the_valid_file_valid(shared: Path, good: Path, test_file: Path) -> None:
    oracle = [sys.executable, str(shared / "oracles" / "check_submission.py"), str(good), str(test_file)]
    assert subprocess.run(oracle, capture_output=True, timeout=60).returncode == 0


def test_a_run_folder_knows_its_own_test_file(capsys: Capture, test_file: Path, good: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs" / "first", test_file.parent, epochs=1)
    inside = folder / "submission.csv"
    inside.write_bytes(good.read_bytes())
    for words in (["--check", str(inside)], [str(folder), "--check", str(good)]):
        assert run_search.main(["submit", *words]) == 0
        assert "valid, 3 rows" in capsys.readouterr().out


REFUSED = {
    "nothing": ([], "`submit` needs a run folder, e.g. runs/first; or `--check FILE.csv --test test.json`"),
    "no test file": (["--check", "mine.csv"], "`submit` needs a run folder"),
    "no file": (["--check", "none.csv", "--test", "data/test.json"], "none.csv: cannot be read (No such file"),
    "a file to write": (
        ["--check", "mine.csv", "--test", "data/test.json", "--output", "o.csv"],
        "`--output` does not",
    ),
    "force": (["--check", "mine.csv", "--test", "data/test.json", "--force"], "`--force` does not go with `--check`"),
    "no COCO file": (["--check", "mine.csv", "--test", "mine.csv"], "mine.csv: not valid JSON"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_checked_is_refused_in_one_line(
    capsys: Capture, good: Path, test_file: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(good.parent)
    words, message = REFUSED[kind]
    assert run_search.main(["submit", *words]) == 2
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1


def test_an_export_of_nothing_is_refused(capsys: Capture, tmp_path: Path) -> None:
    words = ["export-onnx", str(tmp_path), "--out", str(tmp_path / "onnx"), "--photos", str(tmp_path)]
    assert run_search.main(words) == 2
    assert "ensemble.json: cannot be read" in capsys.readouterr().err
    assert run_search.main([*words, "--batch", "0"]) == 2
    assert "`--batch` is 0, but must be 1 or more" in capsys.readouterr().err


def test_a_teacher_that_is_no_ensemble_is_refused(capsys: Capture, sample_folder: Path, tmp_path: Path) -> None:
    words = ["train", "--data", str(sample_folder), "--out", str(tmp_path / "out"), "--teacher", str(tmp_path)]
    small = ["--set", "image_size=64", "encoder_weights=none", "encoder_name=tu-mobilenetv3_small_050"]
    assert run_search.main([*words, *small, "decoder_name=linknet"]) == 2
    assert "ensemble.json: cannot be read" in capsys.readouterr().err
