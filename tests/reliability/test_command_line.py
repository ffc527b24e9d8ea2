"""No word of a command line is met with a traceback, a hang or anything but exit code 2 and one line."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import run_search
from experiments.points import time_limit
from experiments.settings import SearchSettings
from experiments.ui import free_port
from experiments.verbs.flags import flags_of
from tests.made_run import made_search
from tests.reliability.cases import Cases
from tests.reliability.nonsense import commands, fill, nonsense
from tests.reliability.outcomes import fault_in, outcome_of
from tests.test_refused_commands import data, own_signal_handlers, search_words
from trashseg_core.errors import BadInput

__all__ = ["data", "own_signal_handlers"]
pytestmark = pytest.mark.reliability("command-line")
ROOT = Path(__file__).parents[2]
IN_CI = 2
"""Values of a flag that every run of the tests tries; `python -m tests.reliability` tries all."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A search of twenty trials whose data are gone."""
    return str(made_search(tmp_path_factory.mktemp("made") / "run"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, with what some words name; no server is started or asked."""
    fill(tmp_path)
    monkeypatch.setattr("experiments.ui.serve", lambda settings, port: free_port(port))
    monkeypatch.setattr("experiments.tracking.mirror.bring_run_folder", lambda *_: None)
    yield tmp_path


def test_every_verb_has_a_command_here() -> None:
    assert set(commands("run")) == set(run_search.VERBS)


@pytest.mark.parametrize("verb", run_search.VERBS)
def test_no_value_of_a_flag_ends_in_anything_but_one_line(
    run: str, place: Path, verb: str, rounds: int, cases: Cases
) -> None:
    faults = []
    for number, flag in enumerate(one for one in flags_of(run_search.VERBS[verb]) if not one.is_switch):
        tried = nonsense(verb, run, flag)
        if rounds <= 3:
            tried = [tried[(IN_CI * number + one * len(tried) // IN_CI) % len(tried)] for one in range(IN_CI)]
        cases.add(len(tried))
        for words in tried:
            fault = fault_in(outcome_of(*words))
            if fault is not None:
                faults.append(f"{[word[:60] for word in words]}: {fault}")
    assert not faults


TOO_MUCH = (
    "time_budget",
    "disk_gb",
    "store_gb",
    "max_megapixels",
    "max_memory_mb",
    "cpus_per_trial",
    "reduction_factor",
)


@pytest.mark.parametrize("field", (*TOO_MUCH, "trials", "concurrent", "top_k", "epochs", "workers_per_trial", "folds"))
def test_a_setting_beyond_all_reason_is_refused_rather_than_overflowing(field: str) -> None:
    with pytest.raises(BadInput, match=f"`--{field.replace('_', '-')}` is .*, but must be at most"):
        SearchSettings("data", "quick", "first", **{field: 10**30 if field not in TOO_MUCH else float("inf")})


SPACES: dict[str, tuple[str, str]] = {
    "ends the process": ("import sys\nsys.exit(0)", "cannot be loaded (SystemExit: 0)"),
    "ends it when asked": ("import sys\ndef space(trial): sys.exit(0)", "fails with SystemExit"),
    "never comes back": ("def space(trial):\n    while True: pass", "does not come back within"),
    "never comes back when loaded": ("while True: pass", "does not come back within"),
    "asks without end": (
        "def space(trial):\n    i = 0\n    while True:\n        trial.suggest_float(f'a{i}', 0, 1)\n        i += 1",
        "asks for more than 1000 values",
    ),
    "asks the same without end": (
        "def space(trial):\n    while True:\n        trial.suggest_float('lr', 0.1, 1)",
        "asks for more than 1000 values",
    ),
    "offers without end": (
        "import itertools\ndef space(trial): trial.suggest_categorical('lr', itertools.count())",
        "has more than 1000 choices",
    ),
    "offers nan": ("def space(trial): trial.suggest_categorical('lr', [float('nan')])", "is not finite"),
    "steps too small": ("def space(trial): trial.suggest_float('lr', 0.1, 1, step=1e-300)", "steps, above"),
    "calls itself": ("def space(trial): space(trial)", "RecursionError"),
    "no function": ("space = 5", "has no function `space(trial)`"),
    "no Python": ("\0\x01", "cannot be loaded"),
    "nothing": ("", "has no function `space(trial)`"),
}


@pytest.mark.parametrize("kind", SPACES)
def test_a_space_that_is_none_is_refused(data: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "LIMIT_S", 0.5)
    source, message = SPACES[kind]
    Path("mine.py").write_text(source)
    found = outcome_of(*search_words(data, "--space", "mine.py"))
    assert fault_in(found) is None and message in found.err, found
    assert not Path("runs/first").exists()


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_deep_list(path: Path) -> None:
    path.write_text("[" * 100_000 + "]" * 100_000)


POINTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a folder": (a_folder, "cannot be read|not valid JSON"),
    "a FIFO": (a_pipe, "not a regular file"),
    "a deep list": (a_deep_list, "nested too deeply"),
    "a number without end": (lambda path: path.write_text('{"lr": 1e400}'), "no finite number"),
    "NaN": (lambda path: path.write_text('{"lr": NaN}'), "no finite number"),
    "an unknown choice": (lambda path: path.write_text('{"decoder_name": "fpnn"}'), "Did you mean `fpn`"),
    "a misspelt key": (lambda path: path.write_text('{"leraning_rate": 0.01}'), "Did you mean `lr`"),
    "out of range": (lambda path: path.write_text('[{"lr": 5}]'), "point 0: `lr` is 5.0, but the space allows"),
    "no object": (lambda path: path.write_text("[5]"), "point 0: not a configuration"),
}


@pytest.mark.parametrize("kind", POINTS)
def test_a_known_point_that_is_none_is_refused(data: Path, kind: str) -> None:
    make, message = POINTS[kind]
    make(Path("points.json"))
    found = outcome_of(*search_words(data, "--enqueue", "points.json"))
    assert fault_in(found) is None
    assert any(part in found.err for part in message.split("|")), found


def in_a_shell(command: str, run: str) -> subprocess.CompletedProcess[str]:
    python = f"{sys.executable} {ROOT / 'run_search.py'}"
    script = command.replace("@", python).replace("RUN", run)
    return subprocess.run(["bash", "-o", "pipefail", "-c", script], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("(sleep 1; @ status RUN) | true", 1),
        ("@ status RUN > /dev/full", 1),
        ("@ status RUN >&-", 0),
        ("LC_ALL=C PYTHONIOENCODING=ascii @ leaderboard RUN", 0),
        ("@ status $'/tmp/\\xff\\xfe'", 2),
    ],
)
def test_an_output_that_cannot_take_it_ends_in_one_line(run: str, command: str, code: int) -> None:
    done = in_a_shell(command, run)
    assert done.returncode == code
    assert done.stderr.count("\n") == (1 if code else 0) and "Traceback" not in done.stderr, done.stderr
