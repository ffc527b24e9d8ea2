"""Every verb's help is written for a person: an example first, flags in groups, defaults shown."""

import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
import tyro

import run_search
from experiments.settings import SearchSettings
from experiments.verbs.flags import flags_of
from experiments.verbs.groups import GROUPS
from experiments.verbs.help import parts_of
from trashseg_core import __version__

Capture = pytest.CaptureFixture[str]
NAMES = sorted(run_search.VERBS)


def help_of(capsys: Capture, *words: str) -> str:
    assert run_search.main([*words, "--help"]) == 0
    return capsys.readouterr().out


def taken_by_tyro(verb: Callable[..., Any], capsys: Capture) -> str:
    with pytest.raises(SystemExit):
        tyro.cli(verb, args=["--help"], prog="x")
    return capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_the_help_begins_with_an_example_of_the_verb(capsys: Capture, name: str) -> None:
    blocks = help_of(capsys, name).split("\n\n")
    assert blocks[1].startswith("  ") and f"run_search.py {name}" in blocks[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_help_knows_exactly_the_flags_that_are_taken(capsys: Capture, name: str) -> None:
    verb = run_search.VERBS[name]
    told = {f"--{flag.name}" for flag in flags_of(verb) if not flag.positional}
    lines = taken_by_tyro(verb, capsys).splitlines()
    taken = {found[1] for line in lines if (found := re.match(r"[│ ]{1,3}(--[a-z][a-z0-9-]*)", line))} - {"--help"}
    assert told == taken


@pytest.mark.parametrize("name", NAMES)
def test_every_flag_has_a_meaning(name: str) -> None:
    assert [flag.name for flag in flags_of(run_search.VERBS[name]) if not flag.text] == []


def test_every_setting_of_a_search_has_its_group() -> None:
    grouped = [name for names in GROUPS.values() for name in names.split()]
    settings = [field.name.replace("_", "-") for field in dataclasses.fields(SearchSettings)]
    assert sorted(set(settings) - set(grouped)) == []
    assert len(grouped) == len(set(grouped))


def test_defaults_and_choices_are_shown_once(capsys: Capture) -> None:
    text = " ".join(help_of(capsys, "search").split())
    assert "--trials N Number of configurations to try (default: 20)" in text
    assert "--objective val_miou|val_miou_low" in text
    assert "Default: no limit" in text and "None" not in text and "False" not in text


@pytest.mark.parametrize("columns", ["60", "80", "200"])
@pytest.mark.parametrize("name", NAMES)
def test_the_help_keeps_to_the_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, name: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    examples = parts_of(inspect.getdoc(run_search.VERBS[name]) or "")[1]
    lines = [line for line in help_of(capsys, name).splitlines() if line.strip() not in examples]
    lines = [line for line in lines if not line.startswith("Usage:") and not line.lstrip().startswith("--")]
    assert max(map(len, lines)) <= int(columns)


def test_the_overview_has_a_line_for_each_verb(capsys: Capture) -> None:
    lines = help_of(capsys).splitlines()
    assert [name for name in run_search.VERBS if not any(line.startswith(f"  {name} ") for line in lines)] == []


def test_a_docstring_gives_its_purpose_its_examples_and_the_rest() -> None:
    text = "Do it.\n\nMore of it.\n\nExamples: one --a 1\n          two\n\nArgs:\n    a: number"
    assert parts_of(text) == ("Do it.", ["one --a 1", "two"], "More of it.")


def test_the_version_is_told(capsys: Capture) -> None:
    assert run_search.main(["--version"]) == 0
    assert capsys.readouterr().out == f"trashseg {__version__}\n"
