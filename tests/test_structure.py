"""The rules of the tree: layers, lengths, names, docstrings and what an import costs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import run_search

ROOT = Path(__file__).parents[1]
PACKAGES = ("experiments", "trashseg_core", "search_spaces")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")) + [ROOT / "run_search.py"]
INITS = [path for path in SOURCES if path.name == "__init__.py" and path.parent.name != "search_spaces"]
SKIPPED_FOLDERS = {".git", ".venv", "runs", "build", "node_modules"}
ALLOWED = {
    "run_search.py": {"experiments", "trashseg_core", "search_spaces"},
    "experiments": {"experiments", "trashseg_core", "search_spaces"},
    "trashseg_core": {"trashseg_core"},
    "search_spaces": {"search_spaces"},
}
HOMES = {
    "optuna": {
        "searcher",
        "study_export",
        "analysis/importances",
        "points/frozen_trials",
        "policy/samplers",
        "policy/forest_sampler",
    },
    "mlflow": {
        *("tracking/connection", "tracking/store", "tracking/tracked_run", "tracking/data_inputs"),
        "tracking/registered_model",
    },
    "ray": {
        *("trainable", "search", "searcher", "recorder", "ray_silence", "ray_deaths"),
        *("policy/scheduler", "policy/promotion", "placement/peers", "placement/cluster", "placement/local_ray"),
    },
}
VERBS = {"search", "resume", "ensemble", "predict", "submit", "report", "train", "check", "sample-data", "ui"}
VERBS |= {"status", "leaderboard", "compare", "completion", "folds", "pseudo", "stability", "sync"}
VERBS |= {"import-taco", "import-masks", "import-yolo", "export-onnx", "export-study"}


def named(path: Path) -> str:
    """Path relative to the root, as test id."""
    return str(path.relative_to(ROOT))


def every_file(*suffixes: str) -> list[Path]:
    """All files of the tree with one of the suffixes, tests included."""
    found = [path for path in ROOT.rglob("*") if path.suffix in suffixes and path.is_file()]
    return sorted(path for path in found if not SKIPPED_FOLDERS & set(path.relative_to(ROOT).parts[:-1]))


def imported(tree: ast.AST, lazily_too: bool = True) -> Iterator[str]:
    """Dotted names that a module imports; those inside functions too, unless told otherwise."""
    for node in ast.walk(tree) if lazily_too else at_module_level(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_module_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run on import; `if TYPE_CHECKING` does not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        yield from at_module_level(node)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def own_imports(path: Path, lazily_too: bool = True) -> set[str]:
    return {name for name in imported(parse(path), lazily_too) if name.split(".")[0] in (*PACKAGES, "run_search")}


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_module_imports_only_from_its_own_layer_or_the_ones_below(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    assert {name.split(".")[0] for name in own_imports(path)} <= ALLOWED[layer]


@pytest.mark.parametrize("path", sorted((ROOT / "search_spaces").glob("*.py")), ids=named)
def test_spaces_need_only_the_standard_library(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(parse(path))}
    assert roots <= sys.stdlib_module_names | {"search_spaces"}


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_search_library_is_known_only_in_its_rooms(library: str) -> None:
    users = {path for path in SOURCES if library in {name.split(".")[0] for name in imported(parse(path))}}
    assert {named(path) for path in users} <= {f"experiments/{home}.py" for home in HOMES[library]}


def test_no_module_imports_itself_through_others() -> None:
    modules = {module_name(path): path for path in SOURCES}
    edges = {
        name: {other for other in own_imports(path, lazily_too=False) if other in modules and other != name}
        for name, path in modules.items()
    }
    while edges:  # take away what imports nothing that is left; a cycle never becomes free
        free = {name for name, others in edges.items() if not others & edges.keys()}
        assert free, f"import cycle among {sorted(edges)}"
        edges = {name: others for name, others in edges.items() if name not in free}


@pytest.mark.parametrize("path", INITS, ids=named)
def test_package_files_hold_a_docstring_and_at_most_a_version(path: Path) -> None:
    rest = parse(path).body[1:]
    assert [ast.unparse(node).split(" = ")[0] for node in rest] in ([], ["__version__"])


@pytest.mark.parametrize("path", every_file(".py", ".sh"), ids=named)
def test_no_source_file_is_longer_than_250_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250


def test_no_file_is_a_drawer_for_everything() -> None:
    assert not [path for path in every_file(".py") if path.stem in ("utils", "util", "helpers", "misc", "common")]


def undocumented(tree: ast.Module) -> list[str]:
    """Public functions, classes and methods without a docstring."""
    missing = [] if ast.get_docstring(tree) else ["the module"]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef):
            for child in node.body:
                if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
                    missing += [] if ast.get_docstring(child) else [child.name]
    return missing


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_everything_public_has_a_docstring(path: Path) -> None:
    assert undocumented(parse(path)) == []


def test_every_verb_of_the_design_is_on_the_command_line() -> None:
    assert set(run_search.VERBS) == VERBS


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)


BLOCKED_IMPORT = """
import importlib, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("ray", "optuna", "mlflow", "experiments", "search_spaces"):
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
for name in {modules}:
    importlib.import_module(name)
print("imported")
"""


@pytest.mark.slow
def test_the_core_imports_on_a_machine_without_ray_optuna_and_mlflow() -> None:
    modules = [module_name(path) for path in SOURCES if path.is_relative_to(ROOT / "trashseg_core")]
    ran = run_python(BLOCKED_IMPORT.format(modules=modules))
    assert ran.stdout == "imported\n", ran.stderr


HELP = """
import sys, run_search
code = run_search.main(["--help"])
heavy = {"torch", "ray", "mlflow", "optuna", "cv2", "albumentations", "timm"} & sys.modules.keys()
print("code", code, "heavy", sorted(heavy))
"""


def test_help_appears_without_loading_a_heavy_library() -> None:
    ran = run_python(HELP)
    assert ran.stdout.splitlines()[-1] == "code 0 heavy []", ran.stderr
