"""Compiled functions are kept for later processes, compiled anew when a source changes, and cost nothing unused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KERNEL = """
from trashseg_core.compiled import compiled, warm_up
@compiled
def double(x: int) -> int:
    return 2 * x
"""
USE = """
from trashseg_core import kernel
assert kernel.warm_up(kernel.double, 4) == 8
print("hits", sum(kernel.double.stats.cache_hits.values()), "in", kernel.double.stats.cache_path)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the core with one compiled function more."""
    copied = tmp_path / "trashseg_core"
    shutil.copytree(ROOT / "trashseg_core", copied, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / "kernel.py").write_text(KERNEL, encoding="utf-8")
    return copied


def run(package: Path, code: str, **variables: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(package.parent), **variables}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=package.parent, env=environment, capture_output=True, text=True, check=True, timeout=120
    ).stdout


@pytest.mark.slow
def test_a_second_process_loads_what_the_first_compiled_unless_a_compiled_source_changed(package: Path) -> None:
    assert "hits 0" in run(package, USE)
    assert "hits 1" in run(package, USE)
    other = package / "augment" / "remnants.py"
    other.write_text(other.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert "hits 0" in run(package, USE)


@pytest.mark.slow
def test_machine_code_lies_beside_the_sources_or_where_the_sources_are_read_only_in_the_cache_folder(
    package: Path, tmp_path: Path
) -> None:
    assert f"in {package / '__pycache__'}" in run(package, USE)
    read_only = "import os; access = os.access; os.access = lambda path, mode: mode != os.W_OK and access(path, mode)"
    assert f"in {tmp_path / 'cache'}" in run(package, read_only + "\n" + USE, TRASHSEG_CACHE=str(tmp_path / "cache"))


@pytest.mark.slow
def test_a_training_without_augmix_does_not_load_the_compiler() -> None:
    code = "import sys, trashseg_core.train; print('numba' in sys.modules)"
    assert run(ROOT / "trashseg_core", code) == "False\n"


@pytest.mark.slow
def test_loops_run_where_no_cache_can_be_written(package: Path) -> None:
    code = USE.split("print")[0] + "print('ran')"
    unwritable = "import os; access = os.access; os.access = lambda path, mode: mode != os.W_OK and access(path, mode)"
    nowhere = {"TRASHSEG_CACHE": "/dev/null/folder", "HOME": "/dev/null/folder", "XDG_CACHE_HOME": "/dev/null/folder"}
    assert run(package, unwritable + "\n" + code, **nowhere) == "ran\n"


def test_importing_the_crf_compiles_nothing() -> None:
    loops = "[one for module in (crf, grid_gaussian, lattice) for one in vars(module).values()"
    code = (
        "from trashseg_core.inference import crf, grid_gaussian, lattice_vertices as lattice\n"
        f"loops = {loops} if hasattr(one, 'signatures')]\n"
        "print(len(loops) > 5, sum(len(loop.signatures) for loop in loops))"
    )
    assert run(ROOT / "trashseg_core", code).split() == ["True", "0"]
