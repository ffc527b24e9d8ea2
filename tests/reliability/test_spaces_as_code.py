"""A space is code: it is run where the user names it, and never because it lies in a folder of data or of a run."""

import importlib.util
import json
import os
import py_compile
import shutil
from pathlib import Path

import pytest

import run_search
import search_spaces
from tests.made_run import made_search
from tests.reliability.cases import Cases
from tests.reliability.conftest import PLANTED, Lonely

pytestmark = pytest.mark.reliability("spaces-as-code")
GOING_ON = ("resume RUN", "folds RUN", "pseudo RUN --images x.json")
TRAP = """
open({mark!r}, "w").close()

def space(trial):
    trial.suggest_float("lr", 1e-4, 1e-2, log=True)
"""


def trap(path: Path, mark: Path) -> Path:
    """Write a space that leaves a mark when it is loaded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TRAP.format(mark=str(mark)))
    return path


def test_the_help_says_that_a_space_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_search.main(["search", "--help"]) == 0
    assert "your own Python file, which is run" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("place", ["data", "data/spaces", "runs/first", "link"])
def test_a_space_in_a_folder_of_data_or_of_the_run_is_refused(
    tmp_path: Path, sample_folder: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    data = shutil.copytree(sample_folder, tmp_path / "data")
    if place == "link":
        trap(data / "mine.py", tmp_path / "mark")
        (tmp_path / "mine.py").symlink_to(data / "mine.py")
        space = tmp_path / "mine.py"
    else:
        space = trap(tmp_path / place / "mine.py", tmp_path / "mark")
    words = ["search", "--data", str(data), "--space", str(space), "--name", "first", "--out", str(tmp_path / "runs")]
    assert run_search.main(words) == 2
    said = capsys.readouterr().err
    assert "lies in the" in said and "A space is code and is run" in said and said.count("\n") == 1
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("verb", GOING_ON)
def test_a_manifest_that_names_a_space_in_the_run_folder_runs_nothing(
    tmp_path: Path, sample_folder: Path, capsys: pytest.CaptureFixture[str], cases: Cases, verb: str
) -> None:
    run = made_search(tmp_path / "made", num_trials=3)
    manifest = json.loads((run / "manifest.json").read_text())
    data = shutil.copytree(sample_folder, tmp_path / "data")
    places = (run / "origin" / "mine.py", run / "mine.py", data / "mine.py")
    cases.add(len(places))
    for place in places:
        manifest["settings"] |= {"space": str(trap(place, tmp_path / "mark")), "data": str(data)}
        (run / "manifest.json").write_text(json.dumps(manifest))
        assert run_search.main([str(run) if word == "RUN" else word for word in verb.split()]) == 2
        assert "A space is code and is run" in capsys.readouterr().err
    assert not (tmp_path / "mark").exists()


def test_a_space_of_the_project_s_name_in_the_run_folder_is_not_taken(tmp_path: Path) -> None:
    run = made_search(tmp_path / "made", num_trials=3)
    for place in (run / "origin" / "quick.py", run / "quick.py", run / "search_spaces" / "quick.py"):
        trap(place, tmp_path / "mark")
    assert run_search.main(["resume", str(run)]) == 2  # its data are not there
    assert not (tmp_path / "mark").exists()


def test_what_is_run_is_the_source_and_not_bytecode_beside_it(tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    source.write_text("def space(trial):\n    trial.suggest_float('lr', 1e-4, 1e-2)\n")
    evil = trap(tmp_path / "evil.py", tmp_path / "mark")
    stands_for = importlib.util.cache_from_source(str(source))
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(evil), cfile=stands_for, invalidation_mode=unchecked)
    search_spaces.load(str(source))
    assert not (tmp_path / "mark").exists()


def test_a_name_without_a_path_is_never_looked_for_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("quick", "mine"):
        trap(tmp_path / f"{name}.py", tmp_path / "mark")
        trap(tmp_path / "search_spaces" / f"{name}.py", tmp_path / "mark")
    monkeypatch.chdir(tmp_path)
    search_spaces.load("quick")
    with pytest.raises(search_spaces.UnknownSpace, match="Unknown space `mine`"):
        search_spaces.load("mine")
    assert not os.path.exists(tmp_path / "mark")


@pytest.mark.slow
def test_modules_in_the_data_folder_are_not_run_by_driver_workers_or_ui(lonely: Lonely, cases: Cases) -> None:
    cases.add(len(PLANTED))
    assert lonely.run_by == []
