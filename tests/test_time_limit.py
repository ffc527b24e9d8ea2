"""The time limit of a space ends what never comes back, and nothing else."""

import signal
import time
from collections.abc import Iterator

import pytest

from experiments.points import time_limit
from experiments.points.time_limit import in_time
from trashseg_core.errors import BadInput


@pytest.fixture
def alarms() -> Iterator[list[int]]:
    """The alarms that the handler of whoever came before was told of."""
    told: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: told.append(number))
    yield told
    signal.signal(signal.SIGALRM, before)


def test_an_alarm_before_the_limit_goes_to_whoever_set_it(alarms: list[int]) -> None:
    with in_time("quick"):
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        time.sleep(0.05)
    assert alarms == [signal.SIGALRM]


def test_the_limit_still_holds_after_an_alarm_of_another(alarms: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "LIMIT_S", 0.2)
    with pytest.raises(BadInput, match="does not come back within 0.2 s"), in_time("quick"):
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        time.sleep(2)
    assert alarms == [signal.SIGALRM]
