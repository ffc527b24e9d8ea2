"""Killed at any call by which a file comes to be: the old one stands or the new one, and the next start goes on."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.reliability.cases import Cases
from tests.reliability.data_writes import write_sources
from tests.reliability.killed_writes import can_trace, count_calls, kill_at
from tests.reliability.kinds_of_writes import KINDS, Kind, fresh
from tests.test_ensemble import checkpoint
from trashseg_core.augment.object_bank import open_bank
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.disk import temporaries

pytestmark = [pytest.mark.slow, pytest.mark.reliability("half-writes")]
DECISIVE = {"rename", "renameat", "renameat2"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, sample_folder: Path) -> Path:
    """A folder with data, sources and checkpoints to read."""
    if not can_trace():
        pytest.skip("this machine lets nobody trace a process: needs Linux on x86-64 or aarch64, and ptrace")
    root = tmp_path_factory.mktemp("writes")
    shutil.copytree(sample_folder, root / "data")
    write_sources(root)
    for seed, name in enumerate(("t0000", "t0003")):
        checkpoint(root / "checkpoints" / name, seed, num_classes=11)
    data = DataFolder(str(root / "data"))
    for split in ("train", "val"):
        open_split(data, split, 64)
    open_bank(data, 64)
    return root


def chosen(calls: Sequence[str], most: int) -> list[int]:
    """Numbers of calls: all renames and what follows them, and others evenly spread."""
    decisive = {number + step for number, name in enumerate(calls) if name in DECISIVE for step in (0, 1)}
    spread = {round(number * (len(calls) - 1) / (most - 1)) for number in range(most)}
    return sorted(number for number in decisive | spread if number < len(calls))


def hidden(folder: Path) -> set[str]:
    return {one.name for one in folder.rglob("*") if one.name.endswith(temporaries.SUFFIX)}


@pytest.mark.parametrize("name", KINDS)
def test_a_write_that_is_killed_leaves_the_old_or_the_new_and_is_made_good_by_the_next(
    place: Path, rounds: int, cases: Cases, name: str
) -> None:
    kind: Kind = KINDS[name]
    template = fresh(kind, place, None)
    old = kind.units(template)
    whole = fresh(kind, place, template)
    calls = count_calls(lambda: kind.write(whole), whole)
    assert calls
    new = kind.units(whole)
    for number in chosen(calls, kind.points * rounds):
        cases.add()
        folder = fresh(kind, place, template)
        call = kill_at(number, lambda: kind.write(folder), folder)  # noqa: B023 (called at once)
        found = kind.units(folder)
        where = f"killed at call {number} of {len(calls)}, {call}"
        assert all(content in (old.get(unit), new.get(unit)) for unit, content in found.items()), where
        assert old.keys() & new.keys() <= found.keys(), f"{where}: something is gone"
        temporaries._seen.clear()
        kind.write(folder)
        assert (kind.units(folder), hidden(folder)) == (new, set()), where
