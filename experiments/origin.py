"""The origin of a search: its space's source, its data and its software as they were at the start, in RUN/origin/."""

import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from experiments.settings import SearchSettings
from search_spaces import source_path
from trashseg_core import __version__
from trashseg_core.data.check import count_annotations
from trashseg_core.data.coco import Split
from trashseg_core.data.identity import data_digest
from trashseg_core.disk.files import atomic_folder, read_json, write_json

FOLDER, DATA, SOFTWARE = "origin", "data.json", "software.json"
ROOT = Path(__file__).parents[1]
PACKAGES = (
    *("albumentations", "mlflow", "numpy", "optuna", "pillow", "ray", "segmentation-models-pytorch", "timm"),
    *("torch", "torchvision"),
)


def write_origin(settings: SearchSettings, splits: dict[str, Split]) -> None:
    """Write the folder atomically; an older one gives way.

    Args:
        splits: train and val, and test where there is one.
    """
    with atomic_folder(settings.folder / FOLDER) as folder:
        source = source_path(settings.space)
        shutil.copyfile(source, folder / source.name)
        write_json(folder / DATA, describe_data(settings, splits))
        write_json(folder / SOFTWARE, describe_software())


def read_data(run_folder: Path) -> dict[str, Any]:
    """What `describe_data` said at the start; empty for a search of an older version."""
    path = run_folder / FOLDER / DATA
    return dict(read_json(path)) if path.is_file() else {}


def read_software(run_folder: Path) -> dict[str, Any]:
    """What `describe_software` said at the start; empty for a search of an older version."""
    path = run_folder / FOLDER / SOFTWARE
    return dict(read_json(path)) if path.is_file() else {}


def describe_data(settings: SearchSettings, splits: dict[str, Split]) -> dict[str, Any]:
    """Class names, and of each split its file, content hash, photos and annotations of each class by label."""
    folder = settings.data_folder
    labels, class_names = folder.labels(splits["train"])
    described = {
        name: {
            "file": split.path.name,
            "hash": data_digest(folder, split),
            "photos": len(split.photos),
            "left_out": len(split.findings),
            "annotations": count_annotations(split, labels, len(class_names)),
        }
        for name, split in splits.items()
    }
    return {"path": folder.path, "class_names": class_names, "splits": described}


def describe_software() -> dict[str, Any]:
    """Versions of what decides the numbers, and the commit that the code is at, null where it lies in no repository."""
    packages = {name: found for name in PACKAGES if (found := _version(name)) is not None}
    return {"trashseg": __version__, "git_commit": git_commit(ROOT), "python": platform.python_version(), **packages}


def git_commit(root: Path) -> str | None:
    """Commit of the repository whose top folder is `root`; None where there is none, or no git.

    A repository further up is somebody else's: it does not say what this code is.
    """
    try:
        command = ["git", "-C", str(root), "rev-parse", "--show-toplevel", "HEAD"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = said.stdout.splitlines()
    same = said.returncode == 0 and len(lines) == 2 and Path(lines[0]).resolve() == root.resolve()
    return lines[1] if same else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
