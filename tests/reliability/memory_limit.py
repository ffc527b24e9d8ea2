"""A limit to the memory of one process that the kernel enforces: a control group of version 1 or 2."""

import os
import secrets
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def make_group(limit: int) -> Path | None:
    """Make a control group in which processes may have `limit` bytes; None where that is not allowed here."""
    old, unified = ROOT / "memory", ROOT / "cgroup.controllers"
    name = f"trashseg-{secrets.token_hex(4)}"
    group, limits = (old / name, "memory.limit_in_bytes") if old.is_dir() else (ROOT / name, "memory.max")
    try:
        if not old.is_dir() and "memory" not in unified.read_text().split():
            return None
        group.mkdir()
    except OSError:
        return None
    try:
        (group / limits).write_text(str(limit))
    except OSError:
        group.rmdir()
        return None
    return group


def enter(group: Path) -> None:
    """Move this process into the group; what it had before is not counted."""
    (group / "cgroup.procs").write_text(str(os.getpid()))


def kills(group: Path) -> int:
    """How many processes of the group the kernel has killed."""
    file = group / ("memory.events" if (group / "memory.events").exists() else "memory.oom_control")
    return int(dict(line.split() for line in file.read_text().splitlines()).get("oom_kill", 0))
