"""Slot time: what the slots of a search spent their time on, from the dates in its journal."""

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.journal import TrialRecord

GAP_S = 1.0
"""Stretches of one trial closer than this are drawn, and counted, as one: between them it wrote a checkpoint."""
CLOCK_S = 0.05
"""By how much the dates may be off: an epoch is over a little before it is recorded."""


@dataclass(frozen=True)
class Stretch:
    """Epochs of one trial without a break."""

    key: str
    first_epoch: int
    last_epoch: int
    start: float
    end: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class SlotTime:
    """Seconds of all slots together, between the first epoch's start and the last one's end."""

    slots: int
    """Most trials that ever trained side by side."""
    training: dict[str, float]
    """By status of the trial."""
    idle: float
    """Of slots beside others that trained: they waited for a trial, or loaded one."""
    nobody: float
    """While no slot trained: between sessions, or all at their rungs."""

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.training.values()) + self.idle + self.nobody


def stretches(records: Mapping[str, TrialRecord]) -> list[Stretch]:
    """What trained when, by start; an epoch takes `epoch_s` before it is reported."""
    found: list[Stretch] = []
    for key, record in records.items():
        last: Stretch | None = None
        for epoch in sorted(record.epochs):
            end = record.moments.reported.get(epoch, 0.0)
            start = end - float(record.epochs[epoch].get("epoch_s", 0.0))
            if not end:
                continue
            if last is not None and start - last.end < GAP_S:
                found.pop()
                last = Stretch(key, last.first_epoch, epoch, last.start, end)
            else:
                last = Stretch(key, epoch, epoch, start, end)
            found.append(last)
    return sorted(found, key=lambda one: (one.start, one.key))


def lanes(found: list[Stretch]) -> list[int]:
    """A slot for each stretch: the one that is free for the longest time, or a new one."""
    free: list[float] = []
    chosen = []
    for one in found:
        ready = [slot for slot, until in enumerate(free) if until <= one.start + CLOCK_S]
        slot = min(ready, key=lambda number: free[number]) if ready else len(free)
        free[slot : slot + 1] = [one.end]
        chosen.append(slot)
    return chosen


def slot_time(found: list[Stretch], status: Mapping[str, str]) -> SlotTime | None:
    """Add up what the slots did; None where no time was told.

    Args:
        status: finished, stopped or failed, by trial id.
    """
    if all(one.end == one.start for one in found):
        return None
    slots = max(lanes(found)) + 1
    training = dict.fromkeys(("finished", "stopped", "failed"), 0.0)
    for one in found:
        training[status.get(one.key, "stopped")] += one.end - one.start
    moves = sorted([(one.start, 1) for one in found] + [(one.end, -1) for one in found])
    idle, nobody, busy, before = 0.0, 0.0, 0, moves[0][0]
    for moment, change in moves:
        if busy:
            idle += max(0, slots - busy) * (moment - before)
        else:
            nobody += slots * (moment - before)
        busy, before = busy + change, moment
    return SlotTime(slots, training, idle, nobody)
