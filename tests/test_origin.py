"""The origin of a search says what it was started from, whatever happens to space, data and code later."""

import subprocess
from pathlib import Path

from experiments.origin import FOLDER, ROOT, describe_software, git_commit, read_data, read_software, write_origin
from experiments.settings import SearchSettings


def written(tmp_path: Path, sample_folder: Path) -> SearchSettings:
    settings = SearchSettings(str(sample_folder), "quick", "first", out=str(tmp_path))
    settings.folder.mkdir()
    splits = {name: settings.data_folder.read(name) for name in ("train", "val", "test")}
    write_origin(settings, splits)
    return settings


def test_the_source_of_the_space_is_kept(tmp_path: Path, sample_folder: Path) -> None:
    settings = written(tmp_path, sample_folder)
    kept = settings.folder / FOLDER / "quick.py"
    assert kept.read_bytes() == (ROOT / "search_spaces" / "quick.py").read_bytes()


def test_the_data_report_counts_photos_and_annotations(tmp_path: Path, sample_folder: Path) -> None:
    settings = written(tmp_path, sample_folder)
    data, train = read_data(settings.folder), settings.data_folder.read("train")
    assert data["splits"].keys() == {"train", "val", "test"}
    assert data["splits"]["train"]["photos"] == len(train.photos)
    assert sum(data["splits"]["train"]["annotations"]) == sum(map(len, train.annotations.values()))
    assert len(data["splits"]["train"]["annotations"]) == len(data["class_names"])
    hashes = [split["hash"] for split in data["splits"].values()]
    assert len(set(hashes)) == 3 and all(len(one) == 16 for one in hashes)


def test_a_search_of_an_older_version_has_no_origin(tmp_path: Path) -> None:
    assert read_data(tmp_path) == read_software(tmp_path) == {}


def test_versions_name_what_decides_the_numbers() -> None:
    assert {"trashseg", "git_commit", "python", "torch", "optuna", "ray"} <= describe_software().keys()


def repository(folder: Path) -> str:
    """A repository with one commit; its hash."""
    for words in (["init", "-q"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x", "--allow-empty"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    said = subprocess.run(["git", "-C", str(folder), "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return said.stdout.strip()


def test_the_commit_is_that_of_the_code_s_own_repository(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    assert git_commit(tmp_path / "missing") is None
    commit = repository(tmp_path)
    assert git_commit(tmp_path) == commit
    (tmp_path / "site-packages").mkdir()
    assert git_commit(tmp_path / "site-packages") is None, "that repository holds something else"
