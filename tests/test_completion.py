"""The completion works in real shells: verbs, flags, choices, files."""

import shutil
import subprocess
from pathlib import Path

import pytest

import run_search
from experiments.verbs.completion import script


def completed(tmp_path: Path, *words: str, before: str = "") -> list[str]:
    """What bash offers for the last of the words."""
    path = tmp_path / "completion.bash"
    path.write_text(script("bash", run_search.VERBS))
    probe = (
        f"{before}\nsource {path}\n"
        + r"""
        COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
        registered=$(complete -p "${1##*/}") && function=${registered#* -F } && function=${function%% *}
        "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    """
    )
    command = ["bash", "--noprofile", "--norc", "-c", probe, "bash", *words]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert ran.stderr == ""
    return ran.stdout.split()


@pytest.mark.parametrize(
    "program", [("./run_search.py",), ("python", "/some/where/run_search.py"), ("python3", "run_search.py")]
)
def test_bash_completes_verbs_however_the_program_is_called(tmp_path: Path, program: tuple[str, ...]) -> None:
    assert completed(tmp_path, *program, "") == [*run_search.VERBS, "--help"]
    assert completed(tmp_path, *program, "lea") == ["leaderboard"]


def test_bash_completes_the_flags_of_the_verb(tmp_path: Path) -> None:
    assert completed(tmp_path, "run_search.py", "search", "--data", "d", "--gp") == ["--gpus-per-trial"]
    assert completed(tmp_path, "run_search.py", "status", "runs/first", "-") == ["--json", "--help"]


def test_bash_completes_the_choices_of_a_flag(tmp_path: Path) -> None:
    assert completed(tmp_path, "python", "run_search.py", "search", "--sampler", "") == [
        *("mixed", "tpe", "forest", "gp", "cmaes", "random", "qmc")
    ]
    assert completed(tmp_path, "run_search.py", "completion", "z") == ["zsh"]


def test_bash_leaves_files_to_its_own_completion(tmp_path: Path) -> None:
    assert completed(tmp_path, "run_search.py", "resume", "ru") == []
    assert "-o default" in script("bash", run_search.VERBS)


def test_bash_completes_python_without_this_program_as_before(tmp_path: Path) -> None:
    before = "_mine() { COMPREPLY=(json.tool); }; complete -F _mine python"
    assert completed(tmp_path, "python", "-m", "", before=before) == ["json.tool"]
    assert completed(tmp_path, "python", "run_search.py", "stat", before=before) == ["status"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed here")
def test_zsh_takes_the_script(tmp_path: Path) -> None:
    path = tmp_path / "completion.zsh"
    path.write_text(script("zsh", run_search.VERBS))
    probe = f"source {path}; _trashseg_words search --sampler; print $_comps[run_search.py]"
    ran = subprocess.run(["zsh", "-f", "-c", probe], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.stdout.split()[:2] == ["mixed", "tpe"] and "_trashseg_script" in ran.stdout, ran.stderr


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed here")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("python run_search.py lea", "leaderboard"),
        ("run_search.py search --sampler tp", "tpe"),
        ("python3 x/run_search.py search --gp", "--gpus-per-trial"),
    ],
)
def test_fish_completes_verbs_choices_and_flags(tmp_path: Path, line: str, offered: str) -> None:
    path = tmp_path / "completion.fish"
    path.write_text(script("fish", run_search.VERBS))
    command = ["fish", "--no-config", "-c", f"source {path}; complete -C '{line}'"]
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert offered in ran.stdout.split(), ran.stderr
