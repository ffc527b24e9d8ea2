"""Whole searches by the command line, as a user runs them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def command(*words: str) -> list[str]:
    """The command line of a verb."""
    return [sys.executable, str(ROOT / "run_search.py"), *words]


def search_words(data: Path, out: Path, name: str, trials: int, epochs: int) -> tuple[str, ...]:
    """Words of a small search."""
    words = ("search", "--data", str(data), "--space", "quick", "--name", name, "--out", str(out))
    return (*words, "--trials", str(trials), "--epochs", str(epochs), "--set", "image_size=64", "batch_size=8")


def run(*words: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end."""
    done = subprocess.run(command(*words), cwd=cwd, capture_output=True, text=True, timeout=500)
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done
