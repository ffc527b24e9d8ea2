"""The clock of the journal: moments that later ones follow."""

import time


class Clock:
    """Seconds since 1970 that run on evenly and never go back, whatever is done to the system's clock meanwhile."""

    def __init__(self, not_before: float) -> None:
        """Take the system's time, or the last time that was noted, where that is later."""
        self._start = max(time.time(), not_before) - _since_boot()

    def now(self) -> float:
        """The time."""
        return self._start + _since_boot()


def _since_boot() -> float:
    """Seconds, with those that the machine slept, which `time.monotonic` leaves out on Linux."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
