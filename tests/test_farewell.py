"""A search that does not reach its end says what is done, where it lies, and the command that goes on."""

import shlex
import sys
from pathlib import Path

import pytest

from experiments.journal import Journal
from experiments.manifest import Manifest
from experiments.results import SearchFailed
from experiments.settings import SearchSettings
from experiments.showing.farewell import farewell
from experiments.showing.options import Showing
from experiments.showing.wording import command, duration
from experiments.verbs.command_line import run_command
from trashseg_core.errors import BadInput


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder with two trials of eight, in a folder with a blank, as a relative path."""
    monkeypatch.chdir(tmp_path)
    settings = SearchSettings("data", "quick", "first", out="my runs", trials=8)
    settings.folder.mkdir(parents=True)
    Manifest(settings, "0.1", {}, {}).write(settings.folder)
    journal = Journal(settings.folder / "journal.jsonl")
    for end in ("finished", None):
        key = journal.add_trial({}, {}, {}).key
        journal.add_epoch(key, 1, {"val_miou": 0.5})
        if end:
            journal.end_trial(key, end)
    journal.close()
    return Path("my runs") / "first"


def noted(error: BaseException, run: Path, showing: Showing | None = None) -> str:
    with pytest.raises(type(error)) as raised, farewell(run, showing or Showing()):
        raise error
    return " ".join(getattr(raised.value, "__notes__", []))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full")])
def test_an_end_before_the_end_says_what_is_kept_where_and_how_to_go_on(run: Path, error: BaseException) -> None:
    text = noted(error, run)
    assert "1 of 8 trials have ended; their 2 epochs and every checkpoint are kept in my runs/first" in text
    words = shlex.split(text.partition("Go on with: ")[2])
    assert words[-2:] == ["resume", "my runs/first"]


def test_the_way_of_showing_is_kept(run: Path) -> None:
    assert noted(KeyboardInterrupt(), run, Showing(json=True)).endswith("'my runs/first' --json")


def test_where_nothing_was_saved_there_is_nothing_to_go_on_with(tmp_path: Path) -> None:
    assert noted(KeyboardInterrupt(), tmp_path) == f"Nothing is saved in {tmp_path} yet; start it again."


@pytest.mark.parametrize("error", [BadInput("x"), SearchFailed("x")])
def test_what_going_on_would_meet_again_has_no_farewell(run: Path, error: BaseException) -> None:
    assert noted(error, run) == ""


def test_the_command_line_prints_the_farewell_behind_the_interruption(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def search() -> None:
        """Be interrupted."""
        with farewell(run, Showing()):
            raise KeyboardInterrupt

    assert run_command({"search": search, "other": search}, "", ["search"]) == 130
    err = capsys.readouterr().err
    assert err.startswith("run_search.py: Interrupted. 1 of 8 trials") and err.count("\n") == 1


def test_a_command_begins_as_this_process_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("ui", Path("a b")) == "python run_search.py ui 'a b'", "pytest is no way to start it"
    monkeypatch.setattr(sys, "argv", ["my tools/run_search.py", "search"])
    monkeypatch.setattr(sys, "orig_argv", ["/opt/python3", "-O", "my tools/run_search.py", "search"])
    assert command("resume", "runs/first", 3) == "/opt/python3 -O 'my tools/run_search.py' resume runs/first 3"


@pytest.mark.parametrize(("seconds", "text"), [(59.4, "59 s"), (125, "2 min 05 s"), (7500, "2 h 05 min")])
def test_durations_are_told_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
