"""A trial's process says what it uses."""

import time
from pathlib import Path

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
    """As the kernel says it elsewhere, in KiB. Growth would be no measure: earlier tests leave memory to reuse."""
    with TrialUsage() as usage:
        measured = usage.since_last()["process_memory_mb"]
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    held = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))
    assert abs(measured - held) < 32 < held


def test_every_measurement_has_its_place_among_the_system_metrics() -> None:
    with TrialUsage() as usage:
        assert usage.since_last().keys() <= USAGE.keys()
    assert all(name.startswith("system/") for name in USAGE.values())
