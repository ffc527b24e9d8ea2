"""Fixtures of the tests of reliability."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import closed_network

PLANTED = ("torch", "numpy", "ray", "mlflow", "optuna", "sitecustomize", "usercustomize", "conftest", "search_spaces")
"""Modules that lie in the data folder of `lonely`; each leaves a file when it is run."""


class Lonely(NamedTuple):
    """What the verbs did on a machine without a way out (`lonely_machine`)."""

    found: dict[str, Any]
    """codes by verb, hosts with the UI's answers, listening: (process, address)."""
    packets: list[str] | None
    """Destinations of what tried to leave the machine; None where this one cannot close a network."""
    run_by: list[str]
    """Planted modules that were run."""


@pytest.fixture(scope="session")
def lonely(tmp_path_factory: pytest.TempPathFactory, sample_folder: Path) -> Lonely:
    """A search, the verbs after it and the UI, run in a data folder with planted modules."""
    base = tmp_path_factory.mktemp("lonely")
    data, marks = shutil.copytree(sample_folder, base / "data"), base / "marks"
    marks.mkdir()
    for name in PLANTED:
        (data / f"{name}.py").write_text(f"open({str(marks / name)!r}, 'w')\n")
    words = [sys.executable, str(Path(__file__).with_name("lonely_machine.py")), str(data), str(base / "runs")]
    words.append(str(base / "found.json"))
    (base / "runs").mkdir()
    closed, log = closed_network.is_possible(), base / "packets.log"
    words = closed_network.command(log, *words) if closed else words
    done = subprocess.run(
        words, cwd=data, env=closed_network.environment(), capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads((base / "found.json").read_text(encoding="utf-8"))
    packets = log.read_text(encoding="utf-8").splitlines() if closed else None
    return Lonely(found, packets, sorted(path.name for path in marks.iterdir()))
