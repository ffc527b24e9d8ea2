"""A Python that lacks a package says so in one line; a broken import of our own keeps its traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HIDING = """
import runpy, sys

class Hider:
    def find_spec(name, *_):
        if name == {!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hider)
sys.argv = ["run_search.py", "--version"]
runpy.run_path("run_search.py", run_name="__main__")
"""


def without(module: str) -> subprocess.CompletedProcess[str]:
    """Start the program where a module cannot be found."""
    return subprocess.run([sys.executable, "-c", HIDING.format(module)], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("package", ["tyro", "rich"])
def test_a_package_that_is_not_installed_is_named_with_the_python_that_lacks_it(package: str) -> None:
    done = without(package)
    told = f"run_search.py: {package} is not installed in {sys.executable}. Run `source .venv/bin/activate` first; "
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("module", ["experiments.verbs.sync", "search_spaces", "rich.table"])
def test_a_missing_module_of_our_own_or_within_a_package_keeps_its_traceback(module: str) -> None:
    done = without(module)
    assert done.returncode == 1 and "Traceback" in done.stderr and module in done.stderr
