"""Trials that take more memory than there is, for real: the kernel kills one, Ray's memory monitor another."""

from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest
import ray

from experiments import search as search_module
from experiments.journal import JournalReader
from tests.reliability.cases import Cases
from tests.reliability.faulty_search import EPOCHS, GROUP, SWELLS_BY, search_of
from tests.reliability.memory_limit import kills, make_group

pytestmark = [pytest.mark.slow, pytest.mark.reliability("out-of-memory")]
LIMIT = 64 << 20
ROOM = 14 << 30
"""Bytes that have to be free: Ray's monitor steps in when half of what the trial takes is taken, by it or others."""
TRIES, TRIALS, PATIENCE_S = 2, 4, 120.0


@dataclass
class Search:
    """A search that has ended, whose trials in `faults` took too much memory."""

    faults: dict[str, str]
    records: dict[str, tuple[str, int, str]]
    """Status, last epoch and error of each trial."""
    said: list[str]
    killed_by_kernel: int

    def error_by(self, fault: str, cases: Cases) -> str:
        key = next((key for key, value in self.faults.items() if value == fault), None)
        if key is None:
            pytest.skip(f"{fault}: needs root and a memory control group, or {ROOM >> 30} GiB of free memory")
        cases.add(TRIES)
        assert [line for line in self.said if line.startswith(key)] == [
            f"{key}: its process died; another one goes on from epoch 1"
        ]
        return self.records[key][2]


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    """Trials one after another in a Ray of their own; each process that died is replaced once."""
    memory, group, said = psutil.virtual_memory(), make_group(LIMIT), list[str]()
    has_room = memory.available >= ROOM
    faults = ({"t0001": "exceed"} if group else {}) | ({"t0002": "swell"} if has_room else {})
    threshold = (memory.total - memory.available + SWELLS_BY // 2) / memory.total if has_room else 1.0
    ray.shutdown()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_module, "MAX_FAILURES", TRIES - 1)
        patch.setenv(GROUP, str(group))
        patch.setenv("RAY_memory_usage_threshold", f"{threshold:.4f}")
        patch.setenv("RAY_memory_monitor_refresh_ms", "100")
        try:
            out = tmp_path_factory.mktemp("memory")
            folder = search_of(out, "memory", faults, TRIALS, said.append, PATIENCE_S).folder
        finally:
            ray.shutdown()
    trials = JournalReader(folder / "journal.jsonl").trials.values()
    records = {one.key: (one.status, max(one.epochs, default=0), one.error or "") for one in trials}
    yield Search(faults, records, said, kills(group) if group else 0)
    if group:
        group.rmdir()


def test_a_process_that_the_kernel_kills_fails_with_advice(search: Search, cases: Cases) -> None:
    error = search.error_by("exceed", cases)
    assert error.startswith(f"its process was killed or crashed {TRIES} times; the kernel kills what takes too much")
    assert search.killed_by_kernel == TRIES, "the kernel's own count"


def test_a_process_that_rays_memory_monitor_ends_fails_with_advice(search: Search, cases: Cases) -> None:
    error = search.error_by("swell", cases)
    assert error.startswith(f"out of memory: Ray ended its process {TRIES} times, since the machine's memory ran out.")


def test_the_other_trials_lose_nothing(search: Search) -> None:
    others = {f"t{number:04d}" for number in range(TRIALS)} - set(search.faults)
    assert {key: search.records[key] for key in others} == dict.fromkeys(others, ("finished", EPOCHS, ""))
