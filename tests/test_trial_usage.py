"""A trial's process says what it uses."""

import time

from experiments.trial_usage import USAGE, TrialUsage


def busy(seconds: float) -> None:
    """Use a core for so much of its time."""
    started = time.process_time()
    while time.process_time() - started < seconds:
        pass


def test_cpu_is_counted_since_the_last_look() -> None:
    with TrialUsage() as usage:
        busy(0.2)
        worked = usage.since_last()["process_cpu_percent"]
        time.sleep(0.3)
        idle = usage.since_last()["process_cpu_percent"]
    assert idle < 20 < worked


def test_memory_is_what_the_process_holds_in_mib() -> None:
    with TrialUsage() as usage:
        before = usage.since_last()["process_memory_mb"]
        block = b"x" * (64 * 2**20)
        grown = usage.since_last()["process_memory_mb"] - before
    assert len(block) and 48 < grown < 128


def test_every_measurement_has_its_place_among_the_system_metrics() -> None:
    with TrialUsage() as usage:
        assert usage.since_last().keys() <= USAGE.keys()
    assert all(name.startswith("system/") for name in USAGE.values())
