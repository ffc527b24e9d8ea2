"""A damaged file of a run folder is made anew and that is said, or refused by its name; never a wrong answer."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.manifest import Manifest
from tests.reliability.cases import Cases
from tests.reliability.damaged_runs import BYTES, JSON, copy_of, damage
from tests.reliability.outcomes import Outcome, fault_in, outcome_of

pytestmark = [pytest.mark.reliability("state-damaged"), pytest.mark.slow]  # after a whole search

FILES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("manifest.json", "results.json", "ensemble/ensemble.json", "stability.json"), JSON),
    **dict.fromkeys(("ensemble/checksums.json", "origin/data.json", "origin/software.json"), JSON),
    **dict.fromkeys(("journal.jsonl", "submissions.jsonl", "tracking_id", "submission.csv", "report.html"), BYTES),
    **dict.fromkeys(("ensemble/confusions.npz", "ensemble/held_out/confusions.npz", "augmix.png"), BYTES),
    **dict.fromkeys(("checkpoint/config.json",), JSON),
    **dict.fromkeys(("checkpoint/model.safetensors", "checkpoint/state.pt", "checkpoint/confusions.npz"), BYTES),
    **dict.fromkeys(("member/config.json",), JSON),
    **dict.fromkeys(("member/model.safetensors",), BYTES),
}
"""What may be found in the place of each file."""
LOOKS: dict[str, Callable[[Path, Path], list[str]]] = {
    "status": lambda run, other: ["status", str(run)],
    "leaderboard": lambda run, other: ["leaderboard", str(run), "--json"],
    "compare": lambda run, other: ["compare", str(run), str(other)],
    "export-study": lambda run, other: ["export-study", str(run)],
    "stability": lambda run, other: ["stability", str(run)],
    "check": lambda run, other: ["submit", "--check", str(run / "submission.csv")],
    "train": lambda run, other: ["train", "--from", str(run), "--trial", "t0001", "--set", "nosuch=1"],
    "search": lambda run, other: search_again(run),
}
"""Verbs that look at a run folder, and two that are refused after they have."""


def search_again(run: Path) -> list[str]:
    settings = json.loads((run.parent.parent / "settings.json").read_text())
    words = ["search", "--data", settings["data"], "--space", "quick", "--name", run.name, "--out", str(run.parent)]
    return [*words, "--trials", "3", "--epochs", "4", "--set", "image_size=64", "batch_size=8"]


def place_of(run: Path, name: str) -> Path:
    """A file of the run folder; `checkpoint/` stands for the best trial's, `member/` for the first of the ensemble."""
    first, _, rest = name.partition("/")
    match first:
        case "checkpoint":
            return run / json.loads((run / "results.json").read_text())[0]["checkpoint"] / rest
        case "member":
            return next(path for path in sorted((run / "ensemble" / "members").iterdir())) / rest
        case _:
            return run / name


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished search."""
    settings = json.loads((finished / "manifest.json").read_text())["settings"]
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    return copy_of(finished, tmp_path / "runs" / finished.name)


def chosen(name: str, kinds: tuple[str, ...], rounds: int, most: int) -> list[str]:
    """All kinds of damage, or some that differ from file to file, for every run of the tests."""
    if rounds > 3:
        return list(kinds)
    start = sum(map(ord, name))
    return [kinds[(start + number * len(kinds) // most) % len(kinds)] for number in range(most)]


@pytest.mark.parametrize("name", FILES)
def test_a_verb_that_looks_answers_or_names_the_damaged_file(
    run: Path, finished: Path, tmp_path: Path, name: str, rounds: int, cases: Cases
) -> None:
    faults = []
    for how in chosen(name, FILES[name], rounds, 1):
        for verb, words in LOOKS.items():
            shutil.rmtree(run)
            copy_of(finished, run)
            path = place_of(run, name)
            before = {one: one.read_bytes() for one in kept_files(run) if one != path}
            damage(path, how)
            cases.add()
            found = outcome_of(*words(run, finished))
            fault = fault_in(found) or lost(before)
            if fault is not None:
                faults.append(f"{verb}, {name} {how}: {fault}")
    assert not faults


def kept_files(run: Path) -> list[Path]:
    """Files that no verb may change or remove but the one that makes them."""
    names = ("manifest.json", "journal.jsonl", "results.json", "submission.csv")
    return [run / name for name in names] + sorted((run / "trials").rglob("*.safetensors"))


def lost(before: dict[Path, bytes]) -> str | None:
    gone = [str(path) for path, content in before.items() if not path.is_file() or path.read_bytes() != content]
    return f"changed or lost {gone}" if gone else None


@pytest.fixture
def quick_resume(monkeypatch: pytest.MonkeyPatch) -> list[Manifest]:
    """Nothing is drawn and no store is asked; a search that would be started again is noted."""
    started: list[Any] = []

    def start(*arguments: Any) -> Any:
        started.append(arguments)
        raise RuntimeError("the trials would be started again")

    monkeypatch.setattr("experiments.stages.run_trials", start)
    monkeypatch.setattr("experiments.stages.write_pictures_and_report", lambda *_: None)
    monkeypatch.setattr("experiments.stages.try_to_bring", lambda *_: True)
    return started


REPAIRED = ("results.json", "ensemble/ensemble.json", "ensemble/checksums.json", "ensemble/confusions.npz")
REPAIRED += ("member/config.json", "member/model.safetensors")


@pytest.mark.parametrize("name", REPAIRED)
def test_resume_makes_anew_what_follows_from_the_rest_and_says_so(
    run: Path, finished: Path, quick_resume: list[Any], name: str, rounds: int, cases: Cases
) -> None:
    for how in chosen(name, FILES[name], rounds, 1):
        if name == "ensemble/checksums.json" and how == "deleted":
            continue  # as in folders of older versions
        shutil.rmtree(run)
        copy_of(finished, run)
        damage(place_of(run, name), how)
        cases.add()
        found = outcome_of("resume", str(run))
        assert found.code == 0 and not quick_resume, (how, found)
        assert "written anew from the journal" in found.out or "The ensemble is built again" in found.out, (how, found)
        for one in ("results.json", "submission.csv"):
            assert (run / one).read_bytes() == (finished / one).read_bytes(), (how, one)
        assert said_by(run) == said_by(finished), how


def said_by(run: Path) -> dict[str, Any]:
    """What an ensemble says, without how long it took."""
    document = json.loads((run / "ensemble" / "ensemble.json").read_text())
    return {name: document[name] for name in ("members", "class_names", "class_offsets", "val_miou")}


@pytest.mark.parametrize("name", ["probabilities.bin", "labels.bin", "state.json"])
def test_a_damaged_prediction_is_made_again_and_the_ensemble_is_the_same(
    run: Path, finished: Path, quick_resume: list[Any], name: str, rounds: int, cases: Cases
) -> None:
    for how in chosen(name, BYTES, rounds, 1):
        shutil.rmtree(run)
        copy_of(finished, run)
        (run / "ensemble" / "ensemble.json").unlink()
        for folder in (run / "predictions").iterdir():
            damage(folder / name, how)
        cases.add()
        found = outcome_of("resume", str(run))
        assert found.code == 0 and "It is predicted again" in found.out, (how, found)
        assert said_by(run) == said_by(finished), how


REFUSED = {
    "manifest.json": "origin/manifest.json over it",
    "submissions.jsonl": "Remove it, and `submit` again",
    "member/model.safetensors": "build it again with `ensemble`",
    "member/config.json": "build it again with `ensemble`",
    "ensemble/ensemble.json": "build it again with `ensemble`",
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_submission_is_written_from_a_damaged_folder(run: Path, name: str, rounds: int, cases: Cases) -> None:
    whole = copy_of(run, run.with_name("whole"))
    for how in chosen(name, FILES[name], rounds, 1):
        if name == "submissions.jsonl" and how in ("deleted", "emptied", "a changed byte"):
            continue  # no submission is known then; and a byte may change within a text
        shutil.rmtree(run)
        copy_of(whole, run)
        damage(place_of(run, name), how)
        cases.add()
        found = outcome_of("submit", str(run), "--output", str(run / "new.csv"))
        assert fault_in(found) is None and found.code == 2 and REFUSED[name] in found.err, (how, found)
        assert not (run / "new.csv").exists()


def test_lost_lines_of_the_journal_are_noticed_by_whoever_reads_it(run: Path, finished: Path, cases: Cases) -> None:
    lines = (finished / "journal.jsonl").read_bytes().splitlines(keepends=True)
    for kept in (0, 1, 2, len(lines) // 2):
        (run / "journal.jsonl").write_bytes(b"".join(lines[:kept]))
        for verb in ("status", "leaderboard", "export-study", "resume", "sync", "report"):
            cases.add()
            found: Outcome = outcome_of(verb, str(run))
            assert found.code == 2 and "journal.jsonl: damaged, lines are missing" in found.err, (kept, verb, found)


def test_a_manifest_is_whole_again_after_what_the_message_says(run: Path) -> None:
    """Deleted or damaged, with the journal still there: nothing is lost, and the copy of the start takes its place."""
    (run / "manifest.json").write_text("{")
    found = outcome_of("status", str(run))
    assert found.code == 2 and f"Copy {run / 'origin' / 'manifest.json'} over it" in found.err
    (run / "manifest.json").unlink()
    found = outcome_of("status", str(run))
    assert found.code == 2 and "nothing is lost" in found.err
    shutil.copy(run / "origin" / "manifest.json", run)
    assert outcome_of("status", str(run)).code == 0
