"""The guardian: a small process that ends what a killed driver leaves behind.

Ray's own helpers notice the death of their driver, but some of them only after minutes. Standard library only.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 5.0
"""How long the left-behind may end by themselves."""
LOOK_EVERY_S = 2.0


@contextmanager
def guarded() -> Iterator[None]:
    """Have a guardian watch this process. It acts when its standard input is closed, as every death of ours does."""
    command = [sys.executable, "-m", "experiments.placement.guardian", str(os.getpid())]
    root = str(Path(__file__).parents[2])
    guardian = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=root, start_new_session=True)
    assert guardian.stdin is not None
    with guardian.stdin:  # it ends by itself, seconds later, when Ray's helpers have
        yield


def watch(driver: int) -> None:
    """Remember the driver's descendants until standard input closes, then end those that are still there."""
    family: dict[int, str] = {}
    while not select.select([sys.stdin], [], [], LOOK_EVERY_S)[0]:
        family |= descendants(driver)
    family |= descendants(driver)
    family.pop(os.getpid(), None)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and any(_birth(pid) == birth for pid, birth in family.items()):
        time.sleep(0.2)
    for pid, birth in family.items():
        if _birth(pid) == birth:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def descendants(ancestor: int) -> dict[int, str]:
    """Process ids of all descendants, each with its time of birth, which tells a reused id from the old one."""
    parents: dict[int, int] = {}
    births: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        fields = _fields(int(entry.name))
        if fields:
            parents[int(entry.name)], births[int(entry.name)] = int(fields[1]), fields[19]
    found: dict[int, str] = {}
    frontier = {ancestor}
    while frontier:
        frontier = {pid for pid, parent in parents.items() if parent in frontier}
        found |= {pid: births[pid] for pid in frontier}
    return found


def children_named(parent: int, names: tuple[str, ...]) -> dict[int, str]:
    """Process ids and names of the living children of a process whose command is one of `names`."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        fields = _fields(pid)
        if fields and int(fields[1]) == parent and fields[0] not in "ZX":
            try:
                name = (entry / "comm").read_text(encoding="utf-8", errors="replace").strip()
            except OSError:
                continue
            if name in names:
                found[pid] = name
    return found


def _birth(pid: int) -> str | None:
    """Start time of a living process in clock ticks since boot, or None."""
    fields = _fields(pid)
    return fields[19] if fields and fields[0] != "Z" else None


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the command's name, which may hold blanks; empty for no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


if __name__ == "__main__":
    watch(int(sys.argv[1]))
