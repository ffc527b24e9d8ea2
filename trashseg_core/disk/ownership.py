"""Ownership: whether anybody else could have put something into a folder, or still can."""

import grp
import os
import pwd
import stat
from pathlib import Path


def fault_in(folder: Path) -> str | None:
    """Say what lets somebody else decide what a folder holds, or return None.

    Looked at are the folder, all that lies in it, what links in it lead to, and whether everybody may swap one of the
    folders above it. Root is trusted: it can do anything anyway. A group that is its user's own alone is no other.

    Raises:
        OSError: something in the folder cannot be looked at.
    """
    place = folder.resolve()
    for above in place.parents:
        mode = above.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return f"{above}, above it, can be written by everybody"
    seen: set[tuple[int, int]] = set()
    waiting = [place]
    while waiting:
        path = waiting.pop()
        try:
            status = path.stat()
        except FileNotFoundError:  # removed meanwhile, or a link to nothing
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        if fault := fault_of(path, status):
            return fault
        if stat.S_ISDIR(status.st_mode):
            waiting += path.iterdir()
    return None


def fault_of(path: Path, status: os.stat_result) -> str | None:
    """Say what lets somebody else change one file, or the names in one folder, or return None."""
    if status.st_uid not in (os.geteuid(), 0):
        return f"{path} belongs to {_name_of(status.st_uid)}"
    if status.st_mode & stat.S_IWOTH:
        return f"{path} can be written by everybody"
    if status.st_mode & stat.S_IWGRP and not _is_private(path, status.st_gid):
        return f"{path} can be written by a group"
    return None


def _is_private(path: Path, gid: int) -> bool:
    """Whether a group is its user's own, as most systems make one for every user, and stands for nobody else here."""
    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    own = user.pw_gid == gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
    return own and not _has_access_list(path)


def _has_access_list(path: Path) -> bool:
    """Whether an access control list hides more users behind the group's bits (Linux)."""
    try:
        return "system.posix_acl_access" in os.listxattr(path)
    except OSError:
        return False


def _name_of(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user id {uid}"
