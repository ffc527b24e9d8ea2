"""Every direct write of the project, by module: each goes through a room in which a kill leaves no half file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.cases import Cases
from tests.test_structure import SOURCES, named

pytestmark = pytest.mark.reliability("half-writes")
WRITERS = {"write_text", "write_bytes", "touch", "symlink_to", "hardlink_to", "rename", "tofile", "open_memmap"}
WRITERS |= {"save", "savez", "savez_compressed", "savetxt", "save_file", "savefig", "to_csv", "imwrite", "export"}
WRITERS |= {"copyfile", "copy", "copy2", "copytree", "move", "truncate", "connect"}
WRITERS |= {"mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryFile", "TemporaryDirectory"}
OF_A_MODULE = {"copy": {"shutil"}, "copytree": {"shutil"}, "move": {"shutil"}, "connect": {"sqlite3"}}
OF_A_MODULE |= {"replace": {"os"}, "link": {"os"}, "symlink": {"os"}, "export": {"torch.onnx"}}
ROOMS: dict[str, dict[str, str]] = {
    # the rooms
    "trashseg_core/disk/files.py": {
        "open": "atomic text and bytes",
        "replace": "commits",
    },
    "trashseg_core/disk/temporaries.py": {"mkstemp": "hidden until renamed", "mkdtemp": "hidden until renamed"},
    "trashseg_core/disk/locks.py": {"truncate": "of a lock"},
    "experiments/journal.py": {"open": "appends, synced", "truncate": "a half last line is cut off"},
    "trashseg_core/ensemble/probabilities.py": {"open": "a .part, whose state.json counts what is synced"},
    "experiments/study_export.py": {"connect": "a temporary file", "replace": "its commit"},
    # into a temporary folder that is committed by `files.commit_folder`, or thrown away
    "trashseg_core/train.py": {"TemporaryDirectory": "of an epoch, removed by the next start"},
    "trashseg_core/checkpoint.py": {"open": "an epoch's folder", "save": "likewise", "save_file": "likewise"},
    "trashseg_core/val_confusions.py": {"savez_compressed": "an epoch's or an ensemble's folder"},
    "trashseg_core/data/cache.py": {"write_text": "cached_folder"},
    "trashseg_core/data/array_file.py": {"open": "cached_folder", "truncate": "a new file's length"},
    "trashseg_core/augment/object_bank.py": {"save": "cached_folder", "write_text": "cached_folder"},
    "trashseg_core/data/cache_store.py": {"rename": "of a stale folder to a hidden name"},
    "trashseg_core/ensemble/bundle.py": {"copyfile": "atomic_folder"},
    "trashseg_core/pseudo/labelling.py": {"save": "atomic_bytes"},
    "trashseg_core/importers/taco.py": {"write_bytes": "new_folder"},
    "trashseg_core/importers/yolo.py": {"write_bytes": "new_folder"},
    "trashseg_core/importers/sources.py": {"copyfile": "new_folder"},
    "trashseg_core/inference/onnx_export.py": {"export": "atomic_folder"},
    "experiments/origin.py": {"copyfile": "atomic_folder"},
    "experiments/pictures/panels.py": {"save": "atomic_folder"},
    # into a stream of `files.atomic_bytes`, or of memory
    "trashseg_core/inference/label_files.py": {"save": "atomic_bytes"},
    "experiments/pictures/augmix_sheet.py": {"save": "atomic_bytes"},
    "experiments/drawing/page.py": {"save": "memory"},
    # nothing that anybody reads after a kill
    "experiments/pictures/sheet.py": {"savefig": "what MLflow is sent"},
    "experiments/tracking/ensemble_run.py": {"TemporaryDirectory": "what MLflow is sent"},
    "experiments/tracking/search_run.py": {"TemporaryDirectory": "what MLflow is sent", "open": "what MLflow is sent"},
    "experiments/tracking/search_findings.py": {"TemporaryDirectory": "what MLflow is sent"},
    "experiments/tracking/tracked_run.py": {"TemporaryDirectory": "what MLflow is sent", "copyfile": "likewise"},
    "experiments/tracking/trial_pictures.py": {"TemporaryDirectory": "what MLflow is sent"},
    "trashseg_core/ensemble/disagreement.py": {"TemporaryFile": "without a name"},
    "experiments/recipes/backtest.py": {"symlink_to": "a view of a run folder that a recipe makes anew"},
    "experiments/preflight.py": {"TemporaryFile": "without a name, to see whether one can write"},
    "experiments/submissions.py": {"TemporaryFile": "without a name, to see whether one can write"},
    "experiments/placement/watchdog.py": {"touch": "a sign of life"},
    "experiments/placement/peers.py": {"TemporaryDirectory": "where processes of one trial meet"},
    "experiments/placement/ray_folder.py": {"mkdtemp": "Ray's sessions"},
    "experiments/placement/cluster.py": {"write_text": "a mark of this start", "touch": "a mark of this start"},
    "trashseg_core/hardware.py": {"write_text": "a switch of the kernel"},
}


def writes(tree: ast.AST) -> Iterator[str]:
    """Names of the calls by which a module writes files itself."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute):
            name, owner = node.func.attr, ast.unparse(node.func.value)
        elif isinstance(node.func, ast.Name):
            name, owner = node.func.id, ""
        else:
            continue
        if name == "open" and owner not in ("os", "Image", "webbrowser"):
            modes = [*node.args[owner == "" : 2], *(one.value for one in node.keywords if one.arg == "mode")]
            mode = modes[-1] if len(modes) > (owner == "") - 1 and modes else None
            if mode is not None and not (isinstance(mode, ast.Constant) and not set("wax+") & set(str(mode.value))):
                yield name
        elif name == "replace" and owner == "os":
            yield name
        elif name in WRITERS and owner and owner in OF_A_MODULE.get(name, {owner}):
            yield name
        elif name in ("save_file", "create") and not owner:
            yield {"create": "open_memmap"}.get(name, name)


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_module_writes_files_itself_only_where_that_is_listed(path: Path, cases: Cases) -> None:
    found = set(writes(ast.parse(path.read_text(encoding="utf-8"))))
    cases.add(len(found) or 1)
    assert found == ROOMS.get(named(path), {}).keys()
