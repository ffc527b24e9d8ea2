"""Inner loops compile at their first call, and keep the machine code where they may write."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULE = """
from trashseg_core.compiled import compiled

@compiled
def doubled(number):
    return 2 * number
"""
UNWRITABLE = "/dev/null/folder"


def run_python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    environment.pop("NUMBA_CACHE_DIR", None)
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120
    )


def source_in_an_unwritable_folder(folder: Path) -> Path:
    """A module beside which nothing can be cached; permissions would not stop the root user."""
    (folder / "loops.py").write_text(MODULE, encoding="utf-8")
    (folder / "__pycache__").write_text("", encoding="utf-8")
    return folder


def call_loop(folder: Path, cache: str) -> str:
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import loops; print(loops.doubled(21))"
    ran = run_python(code, XDG_CACHE_HOME=cache, HOME=cache)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_machine_code_goes_to_the_users_cache_where_the_package_is_read_only(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert call_loop(source_in_an_unwritable_folder(tmp_path), str(cache)) == "42"
    assert list(cache.rglob("loops.doubled-*.nbi"))


def test_loops_run_where_no_cache_can_be_written(tmp_path: Path) -> None:
    assert call_loop(source_in_an_unwritable_folder(tmp_path), UNWRITABLE) == "42"


def test_importing_the_crf_compiles_nothing() -> None:
    ran = run_python(
        "from trashseg_core.inference import crf, grid_gaussian, lattice_vertices, permutohedral as lattice\n"
        "loops = [one for module in (crf, grid_gaussian, lattice_vertices, lattice) for one in vars(module).values()"
        " if hasattr(one, 'signatures')]\n"
        "print(len(loops) > 5, sum(len(loop.signatures) for loop in loops))"
    )
    assert ran.stdout.split() == ["True", "0"], ran.stderr
