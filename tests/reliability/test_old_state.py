"""A run folder that cannot go on is refused with what to do; one that only moved goes on."""

import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from experiments import search as search_module
from experiments.journal import Journal
from experiments.manifest import read_manifest
from experiments.settings import SearchSettings
from tests.made_run import made_search
from tests.reliability.cases import Cases
from tests.reliability.outcomes import fault_in, outcome_of

pytestmark = pytest.mark.reliability("old-state")
VERBS = ("resume", "folds", "status", "leaderboard", "ensemble", "submit", "report", "export-study", "stability", "ui")
VERBS += ("sync",)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return made_search(tmp_path / "run", num_trials=8)


def entries(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_that_is_something_else_is_refused_and_stays_as_it_is(tmp_path: Path, verb: str, cases: Cases) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("a file")
    before = entries(tmp_path)
    for place in ("home", "empty", "file", "missing", "file/below"):
        cases.add()
        found = outcome_of(verb, str(tmp_path / place))
        assert fault_in(found) is None and found.code == 2, (place, found)
    assert entries(tmp_path) == before


@pytest.mark.parametrize("schema", [2, 99, 0, None, "1", [1]])
def test_a_folder_of_another_schema_says_which_and_what_to_do(run: Path, schema: Any, cases: Cases) -> None:
    path = run / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": schema}))
    for verb in ("resume", "status", "ensemble"):
        cases.add()
        found = outcome_of(verb, str(run))
        assert found.code == 2 and "unknown schema. This version reads schema 1" in found.err
        assert "update trashseg" in found.err


@pytest.mark.parametrize(
    "wrong",
    [
        {"trials": "3"},
        {"data": 5},
        {"set": [5]},
        {"objective": "f1"},
        {"top_k": 0},
        {"time_budget": True},
        {"tta": None},
    ],
)
def test_settings_of_another_type_are_damage(run: Path, wrong: dict[str, Any]) -> None:
    path = run / "manifest.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "settings": {**document["settings"], **wrong}}))
    found = outcome_of("status", str(run))
    assert found.code == 2 and f"{path}: damaged" in found.err and fault_in(found) is None, found


@pytest.mark.parametrize("part", ["domains", "data", "hops", "points", "version"])
def test_a_part_of_the_manifest_of_another_type_is_damage(run: Path, part: str) -> None:
    path = run / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), part: 5}))
    found = outcome_of("compare", str(run), str(run))
    assert found.code == 2 and f"{path}: damaged (`{part}` is 5)" in found.err


def test_a_folder_that_was_moved_and_renamed_goes_by_its_new_place(run: Path, tmp_path: Path, cases: Cases) -> None:
    moved = tmp_path / "other" / "place" / "renamed-1.0"
    moved.parent.mkdir(parents=True)
    shutil.move(run, moved)
    for verb in ("status", "leaderboard", "export-study"):
        cases.add()
        assert outcome_of(verb, str(moved)).code == 0
    assert read_manifest(moved).settings.folder == moved
    assert read_manifest(moved / ".." / "renamed-1.0").settings.folder == moved
    assert not run.exists()


def test_a_name_that_no_search_may_have_is_refused_with_what_is_allowed(run: Path, cases: Cases) -> None:
    for name in ("my run", "run (copy)", "läuft", "-run"):
        cases.add()
        moved = run.rename(run.with_name(name))
        found = outcome_of("status", str(moved) if name[0] != "-" else f"{moved}/.")
        assert found.code == 2 and "a run folder's name must be letters" in found.err and "Rename it" in found.err
        run = moved


class NoTuner:
    """Tune, that finds nothing left to do."""

    def fit(self) -> None:
        """Do nothing."""


LEFT = {
    "an empty tuner.pkl": {"tuner.pkl": b""},
    "a damaged experiment state": {"experiment_state-2026.json": b'{"runner_data": {'},
    "a state that is a pickle": {"searcher-state.pkl": b"cos\nsystem\n(S'touch ran'\ntR.", "tuner.pkl": b"\x80\x04."},
    "a folder of trials": {"trainable_1/params.pkl": b"\x00", "trainable_1/result.json": b"{}"},
}


@pytest.mark.parametrize("kind", LEFT)
def test_what_ray_left_behind_is_not_read_and_gives_way(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is the one truth: a new Tuner is made over it at every start, and nothing of Ray's is restored."""
    monkeypatch.chdir(tmp_path)
    settings = SearchSettings("none", "quick", "first", out=str(tmp_path), trials=1)
    place = settings.folder / "ray" / "first-1"
    for name, content in LEFT[kind].items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    journal = Journal(settings.folder / "journal.jsonl")
    record = journal.add_trial({}, {}, {})
    journal.add_epoch(record.key, 1, {"val_miou": 0.5})
    seen: list[list[str]] = []

    def make(*_: Any, journal: Journal, **more: Any) -> NoTuner:
        seen.append([*journal.trials, *entries(settings.folder / "ray")])
        return NoTuner()

    monkeypatch.setattr(search_module, "build_tuner", make)
    monkeypatch.setattr(search_module, "check_nodes", lambda _: None)
    monkeypatch.setattr(search_module.ray, "shutdown", lambda: None)
    monkeypatch.setattr(search_module, "guarded", nullcontext)
    search_module.run(settings, lambda _: None, lambda _: None, journal, ())
    journal.close()
    assert seen == [["t0000"]]
    assert not (settings.folder / "ray").exists() and not (tmp_path / "ran").exists()


def test_a_damaged_manifest_is_never_a_reason_to_start_over(run: Path, tmp_path: Path) -> None:
    (run / "manifest.json").unlink()
    words = ["search", "--data", "nodata", "--space", "quick", "--name", "run", "--out", str(tmp_path)]
    before = (run / "journal.jsonl").read_bytes()
    assert outcome_of(*words).code == 2
    assert (run / "journal.jsonl").read_bytes() == before and (run / "trials").is_dir()
