"""The nodes of a cluster: what each must reach before a search starts, and the code that they get."""

import secrets
import time
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from experiments.settings import SearchSettings
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.identity import data_digest
from trashseg_core.errors import BadInput

PATIENCE_S = 300.0
"""Longest wait for the nodes' answers; their first worker may have to be started, and the code shipped."""
DEATH_S = 30.0
"""Longest time in which a cluster notices that a node is dead: five missed health checks, 3 s apart, twice over."""
ANSWERS = (ray.exceptions.RayTaskError, ray.exceptions.RuntimeEnvSetupError, ray.exceptions.GetTimeoutError)
"""Errors that come from a living node, or from none yet."""
MARKER = ".shared"


def shipped_code() -> dict[str, Any]:
    """Ray's runtime environment with the project's packages and nothing else: no runs, no data, no `.venv`.

    The libraries they need must be on every node.
    """
    root = Path(__file__).parents[2]
    packages = ("experiments", "search_spaces", "trashseg_core")
    return {"py_modules": [str(root / name) for name in packages], "excludes": ["__pycache__", "*.pyc"]}


def living_nodes() -> list[dict[str, Any]]:
    """What Ray says of each node that is up."""
    return [node for node in ray.nodes() if node["Alive"]]


def check_nodes(settings: SearchSettings) -> None:
    """Have every node show that it shares the run folder, where checkpoints go, and has the same data.

    A node that dies meanwhile is not asked further: the search goes on without it, as with one that dies later.

    Raises:
        BadInput: naming the first node that does not, and what it lacks.
    """
    nodes = living_nodes()
    if len(nodes) < 2:
        return
    marker, token = settings.folder / MARKER, secrets.token_hex(8)
    marker.write_text(token, encoding="ascii")
    expected = digests(settings.data_folder)
    answers = [_ask(node, settings, token, expected) for node in nodes]
    ray.wait(answers, num_returns=len(answers), timeout=PATIENCE_S)
    try:
        for node, answer in zip(nodes, answers, strict=True):
            try:
                fault = ray.get(answer, timeout=0)
            except ray.exceptions.RayError as error:
                if _is_death(error, node):
                    continue
                fault = _told(error)
            if fault is None and not _mark_of(marker, _name(node)).is_file():
                fault = f"what it writes into {settings.folder} is not seen here. Let `--out` be a folder they share."
            if fault is not None:
                raise BadInput(f"Node {_name(node)}: {fault}")
    finally:
        for path in [marker, *marker.parent.glob(f"{MARKER}.*")]:
            path.unlink(missing_ok=True)


def _ask(node: dict[str, Any], settings: SearchSettings, token: str, expected: list[str]) -> Any:
    place = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    remote = ray.remote(find_fault).options(num_cpus=0, max_retries=0, scheduling_strategy=place)
    return remote.remote(settings.folder / MARKER, _name(node), token, settings.data_folder, expected)


def _is_death(error: Exception, node: dict[str, Any]) -> bool:
    """Whether there is no answer because the node is dead, which a cluster learns some seconds after it happened."""
    if isinstance(error, ANSWERS):
        return False
    end = time.monotonic() + DEATH_S
    while node["NodeID"] in {one["NodeID"] for one in living_nodes()}:
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


def _told(error: Exception) -> str:
    if isinstance(error, ray.exceptions.GetTimeoutError):
        return f"no answer within {PATIENCE_S:g} s. Is it overloaded?"
    return f"cannot run this project ({str(error).strip().splitlines()[-1][:160]}). Install its requirements there."


def find_fault(marker: Path, node: str, token: str, data: DataFolder, expected: list[str]) -> str | None:
    """What this node lacks to take part in a search, or None. It leaves its own mark beside the driver's."""
    try:
        if marker.read_text(encoding="ascii") != token:
            return f"{marker.parent} is another folder there. Let `--out` be a folder that all nodes share."
    except OSError:
        return f"{marker.parent} is not there. Let `--out` be a folder that all nodes share."
    try:
        _mark_of(marker, node).touch()
    except OSError as error:
        return f"{marker.parent} cannot be written ({error.strerror}). Give the same user access on all nodes."
    try:
        same = digests(data) == expected
    except (BadInput, OSError) as error:
        return f"the data cannot be read: {error}"
    return None if same else f"{data.path} holds other data there. Share the folder, or copy it anew."


def digests(folder: DataFolder) -> list[str]:
    """Hashes of train and val; a copy of the folder has the same.

    Raises:
        BadInput: a file is missing or cannot be used.
    """
    return [data_digest(folder, folder.read(name)) for name in ("train", "val")]


def _name(node: dict[str, Any]) -> str:
    return f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})"


def _mark_of(marker: Path, node: str) -> Path:
    return marker.with_name(f"{MARKER}.{node.split('(')[1].rstrip(')')}")
