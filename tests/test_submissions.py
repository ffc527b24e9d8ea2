"""A run folder knows what was handed in from it, and from which ensemble."""

from pathlib import Path

import numpy as np
import pytest

from experiments.submissions import FILE, Submission, read_submissions, record_submission
from trashseg_core.data.coco import Split
from trashseg_core.data.folder import DataFolder
from trashseg_core.disk.files import file_digest
from trashseg_core.errors import BadInput
from trashseg_core.submission import write_submission


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "ensemble").mkdir()
    (tmp_path / "ensemble" / "ensemble.json").write_text("one")
    return tmp_path


def hand_in(run_folder: Path, sample_folder: Path, label: int = 0, damage: str = "") -> Submission:
    """Write a CSV whose every pixel has one label, and record it."""
    data, path = DataFolder(str(sample_folder)), run_folder / "submission.csv"
    split: Split = data.read("test")
    names = [photo.file_name for photo in split.photos]
    write_submission(path, names, [np.full((64, 64), label, np.uint8)] * len(names), 11)
    path.write_text(path.read_text() + damage)
    return record_submission(run_folder, path, data, split, 11)


def test_a_submission_names_its_file_its_data_and_its_ensemble(run_folder: Path, sample_folder: Path) -> None:
    made = hand_in(run_folder, sample_folder)
    assert made.digest == file_digest(run_folder / "submission.csv")
    assert made.ensemble == file_digest(run_folder / "ensemble" / "ensemble.json")
    assert made.rows == len(DataFolder(str(sample_folder)).read("test").photos)
    assert made.verdict == f"valid, {made.rows} rows"
    assert read_submissions(run_folder) == [made]


def test_the_same_one_again_is_noted_once_and_another_one_beside_it(run_folder: Path, sample_folder: Path) -> None:
    for label in (0, 0, 1):
        hand_in(run_folder, sample_folder, label)
    assert len(read_submissions(run_folder)) == 2
    (run_folder / "ensemble" / "ensemble.json").write_text("another ensemble")
    hand_in(run_folder, sample_folder, 1)
    assert len({one.ensemble for one in read_submissions(run_folder)}) == 2


def test_the_verdict_is_the_validator_s(run_folder: Path, sample_folder: Path) -> None:
    assert hand_in(run_folder, sample_folder, damage="more\n").verdict.startswith("not valid: row")


def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(BadInput, match="damaged .* Remove it, and `submit` again"):
        read_submissions(tmp_path)
