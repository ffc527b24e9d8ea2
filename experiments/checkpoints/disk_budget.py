"""DiskBudget: the bytes that all checkpoints of a search may take, kept by its trials through a lock they share."""

import os
import time
from contextlib import ExitStack
from pathlib import Path

from trashseg_core.disk.files import write_text
from trashseg_core.disk.locks import locked

PATIENCE_S = 60.0
"""How long a trial waits for others to give way before it fails."""
LOOK_EVERY_S = 0.2
WAITING, LOCK = ".waiting", ".disk.lock"
BLOCK = 4096
"""Bytes by which files and folders grow on disk."""


class DiskBudgetSpent(RuntimeError):
    """A checkpoint does not fit into what `--disk-gb` leaves."""


class DiskBudget:
    """One trial's access to the budget. Processes on several machines share it through the trials' folder.

    A checkpoint is written between `make_room` and `release`, by one trial at a time, so what is counted is there.
    A trial that waits writes its need to `.waiting/KEY`, where the driver (`keeper.Keeper`) sees it.
    """

    def __init__(self, trials: Path, key: str, limit: int | None) -> None:
        """Open the budget.

        Args:
            trials: folder of all trials; everything below it counts.
            limit: bytes; None where there is no budget, and nothing is counted or locked.
        """
        self._trials, self._limit, self._held = trials, limit, ExitStack()
        self._request = trials / WAITING / key

    def make_room(self, needed: int) -> None:
        """Wait until so many bytes fit, and keep other trials from writing until `release`.

        Raises:
            DiskBudgetSpent: nobody gave way in time.
        """
        if self._limit is None or self._fits(needed):
            return
        self._request.parent.mkdir(exist_ok=True)
        write_text(self._request, str(needed))
        deadline = time.monotonic() + PATIENCE_S
        try:
            while not self._fits(needed):
                if needed > self._limit or time.monotonic() > deadline:
                    raise DiskBudgetSpent(self._reason(needed))
                time.sleep(LOOK_EVERY_S)
        finally:
            self._request.unlink(missing_ok=True)

    def _fits(self, needed: int) -> bool:
        assert self._limit is not None
        self._held.enter_context(locked(self._trials / LOCK))
        if bytes_below(self._trials) + needed <= self._limit:
            return True
        self.release()
        return False

    def _reason(self, needed: int) -> str:
        assert self._limit is not None
        left = max(0, self._limit - bytes_below(self._trials))
        return (
            f"a checkpoint of up to {needed / 1e6:.1f} MB does not fit: {left / 1e6:.1f} MB of "
            f"`--disk-gb {self._limit / 1e9:g}` are left, and no other trial can give way. "
            "Raise it, or run fewer trials side by side (`--concurrent`)."
        )

    def release(self) -> None:
        """Let other trials write; safe to repeat."""
        self._held.close()


def bytes_waited_for(trials: Path) -> int:
    """The largest need of the trials that wait for room; 0 where none does."""
    requests = (trials / WAITING).glob("t*")
    return max((int(text) for request in requests if (text := _text(request))), default=0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:  # it waits no more
        return ""


def bytes_below(folder: Path) -> int:
    """Bytes that a folder takes on disk, in whole blocks; what vanishes meanwhile does not count."""
    total = BLOCK
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += bytes_below(Path(entry.path))
                else:
                    total += -(-entry.stat(follow_symlinks=False).st_size // BLOCK) * BLOCK
    except FileNotFoundError:
        pass
    return total
