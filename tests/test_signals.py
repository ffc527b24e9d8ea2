"""The exit code says how a program ended, wherever the signal found it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INTERRUPTED = """
import sys
from experiments.signals import ignore_signals
try:
    exec("raise KeyboardInterrupt")
except KeyboardInterrupt:
    pass
if "ignore" in sys.argv:
    ignore_signals()
sys.exit(143)
"""


@pytest.mark.parametrize(("words", "code"), [((), -2), (("ignore",), 143)])
def test_a_module_whose_imports_were_interrupted_ends_with_its_own_exit_code(
    tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    (tmp_path / "interrupted.py").write_text(INTERRUPTED)
    command = [sys.executable, "-m", "interrupted", *words]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (code, b"")
