"""What only looks answers at once: no library that takes seconds to load is on its way."""

import subprocess
import sys
from pathlib import Path

import pytest

from experiments.journal import Journal
from experiments.manifest import Manifest
from experiments.settings import SearchSettings
from tests.tiny import write_folder

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "torchvision", "ray", "mlflow", "optuna", "pandas", "cv2", "albumentations", "timm", "matplotlib")
PROBE = """
import sys
sys.path.insert(0, {root!r})
import run_search
code = run_search.main(sys.argv[1:])
print("code", code, "heavy", sorted({heavy!r} & sys.modules.keys()))
"""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data folder and a run folder in it."""
    folder = tmp_path_factory.mktemp("quick")
    data = write_folder(folder / "data", {"train": [(40, 40)] * 4, "val": [(41, 41)] * 2})
    settings = SearchSettings(str(data), "quick", "first", out=str(folder))
    settings.folder.mkdir()
    Manifest(settings, "0.1", {}, {"train": "x", "val": "y"}).write(settings.folder)
    journal = Journal(settings.folder / "journal.jsonl")
    journal.add_epoch(journal.add_trial({"lr": 0.1}, {}, {}).key, 1, {"val_miou": 0.5})
    journal.close()
    return folder


@pytest.mark.parametrize(
    "words",
    [
        *(["--help"], ["search", "--help"], ["check", "--help"], ["check", "data"], ["status", "first"]),
        *(["leaderboard", "first"], ["status", "first", "--json"], ["compare", "first", "first"]),
        *(["completion", "bash"], ["search", "--trails", "3"]),
    ],
    ids=" ".join,
)
def test_no_heavy_library_is_loaded_by(words: list[str], places: Path) -> None:
    code = PROBE.format(root=str(ROOT), heavy=set(HEAVY))
    command = [sys.executable, "-c", code, *words]
    ran = subprocess.run(command, cwd=places, capture_output=True, text=True, timeout=120)
    expected = 2 if "--trails" in words else 0
    needed = ["cv2"] if words == ["check", "data"] else []  # it compares photos, and takes 0.1 s to load
    assert ran.stdout.splitlines()[-1:] == [f"code {expected} heavy {needed}"], ran.stdout + ran.stderr
