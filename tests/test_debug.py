"""What goes wrong is one line, below a traceback where one is asked for; neither tells a secret."""

import pytest

import run_search
from experiments.verbs.command_line import run_command

Capture = pytest.CaptureFixture[str]


def test_debug_shows_the_traceback_above_the_line_and_the_exit_code_is_the_same(capsys: Capture) -> None:
    assert run_search.main(["resume", "runs/none", "--debug"]) == 2
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "Traceback (most recent call last):"
    assert last.startswith("run_search.py: ") and "no such run folder" in last


def test_a_traceback_tells_no_password(capsys: Capture) -> None:
    def fail() -> None:
        """Fail."""
        raise RuntimeError("postgresql://me:hunter22@host/db is \x1b[31mred")

    assert run_command({"fail": fail, "other": fail}, "", ["fail", "--debug"]) == 1
    said = capsys.readouterr().err
    assert "in fail" in said and "postgresql://me:***@host/db" in said
    assert "hunter22" not in said and "\x1b" not in said


def test_an_error_while_running_is_one_line_and_exit_code_1(capsys: Capture) -> None:
    def fail() -> None:
        """Fail."""
        raise RuntimeError("first line\nsecond line")

    assert run_command({"fail": fail, "other": fail}, "", ["fail"]) == 1
    assert capsys.readouterr().err == "run_search.py: RuntimeError: first line second line (`--debug` shows where)\n"
