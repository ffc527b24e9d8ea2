"""The clock is set, by hours or days, while a search runs: durations, budgets, order and dates hold."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.analysis.slot_time import slot_time, stretches
from experiments.journal import Journal, JournalReader
from experiments.limits import Limits
from experiments.manifest import read_manifest
from experiments.showing.run_status import pace_s, read_status
from tests.interrupted_search import EPOCHS, TRIALS
from tests.made_run import made_search
from tests.reliability.cases import Cases
from tests.reliability.processes import ROOT, Marked
from tests.test_interruption import steps

pytestmark = pytest.mark.reliability("clock")
JUMPS = (86_400.0, -86_400.0, 7200.0, -7200.0)
SET_CLOCK = """
import os, time
_time = time.time
def set_time():
    try:
        with open(os.environ["TRASHSEG_CLOCK"]) as stream:
            return _time() + float(stream.read() or 0)
    except OSError:
        return _time()
time.time = set_time
time.time_ns = lambda: int(set_time() * 1e9)
"""


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set this process's clock by so many seconds."""
    real = time.time
    return lambda offset: monkeypatch.setattr(time, "time", lambda: real() + offset)


@pytest.mark.slow
def test_a_search_whose_clock_jumps_by_days_goes_through_and_its_times_stay_in_order(
    tmp_path: Path, cases: Cases
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SET_CLOCK, encoding="ascii")
    (tmp_path / "clock").write_text("0", encoding="ascii")
    environment = {"PYTHONPATH": f"{tmp_path / 'site'}{os.pathsep}{ROOT}", "TRASHSEG_CLOCK": str(tmp_path / "clock")}
    begun, folder = time.time(), tmp_path / "jumping"
    driver = Marked(["-m", "tests.interrupted_search", str(tmp_path), "jumping"], ROOT, environment)
    for jump in JUMPS:
        cases.add()
        wanted = len(steps(folder)) + 3
        driver.wait_until(lambda: len(steps(folder)) >= wanted)  # noqa: B023 (called at once)
        assert driver.driver.poll() is None, "the search has ended early"
        (tmp_path / "clock").write_text(str(jump), encoding="ascii")
    driver.check_end(0)
    spent, records = time.time() - begun, JournalReader(folder / "journal.jsonl").trials
    assert len(records) == TRIALS and {one.status for one in records.values()} == {"finished", "stopped"}
    assert all(sorted(one.epochs) == list(range(1, len(one.epochs) + 1)) for one in records.values())
    assert max(len(one.epochs) for one in records.values()) == EPOCHS
    moments = [moment for one in records.values() for moment in (*one.moments.reported.values(), one.moments.last)]
    assert begun - 1 <= min(moments) and max(moments) <= begun + spent + 1
    pace = pace_s(sorted(moments))
    assert pace is not None and 0 < pace < spent


@pytest.mark.parametrize("jump", JUMPS)
def test_the_journal_goes_on_evenly(tmp_path: Path, jump: float, set_clock: Callable[[float], None]) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    begun = time.monotonic()
    key = journal.add_trial({}, {}, {}).key
    set_clock(jump)
    journal.add_epoch(key, 1, {"val_miou": 0.5})
    moments = journal.trials[key].moments
    assert 0 <= moments.reported[1] - moments.proposed <= time.monotonic() - begun + 0.01


@pytest.mark.parametrize("jump", JUMPS)
def test_a_search_that_is_resumed_with_the_clock_set_back_goes_on_after_its_last_moment(
    tmp_path: Path, jump: float, set_clock: Callable[[float], None]
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    key = journal.add_trial({}, {}, {}).key
    journal.add_epoch(key, 1, {"val_miou": 0.5, "epoch_s": 0.0})
    journal.close()
    set_clock(jump)
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add_epoch(key, 2, {"val_miou": 0.5, "epoch_s": 0.0})
    reported = journal.trials[key].moments.reported
    assert reported[2] >= reported[1]
    added = slot_time(stretches(journal.trials), {key: "stopped"})
    assert added is None or min(added.total, *added.training.values()) >= 0


@pytest.mark.parametrize("jump", JUMPS)
def test_a_time_budget_is_spent_by_time_and_not_by_the_clock(
    jump: float, set_clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.search import Ending

    ending = Ending(Limits(), 3600.0)
    assert not ending.stop_all()
    set_clock(jump)
    assert not ending.stop_all()
    later = time.monotonic() + 3600
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert ending.stop_all()


@pytest.mark.parametrize("jump", JUMPS)
def test_status_never_says_that_a_report_is_yet_to_come(
    tmp_path: Path, jump: float, set_clock: Callable[[float], None]
) -> None:
    run = made_search(tmp_path / "first", num_trials=4)
    set_clock(jump)
    assert read_status(run).document()["last_report_s"] >= 0


@pytest.mark.parametrize("jump", JUMPS)
def test_no_run_in_mlflow_ends_before_it_starts(
    tmp_path: Path, empty_store: Path, jump: float, set_clock: Callable[[float], None]
) -> None:
    import shutil

    from experiments.tracking.mirror import bring_trials
    from experiments.tracking.search_run import bring_search
    from experiments.tracking.store import Store

    shutil.copy(empty_store, tmp_path)
    run = made_search(tmp_path / "first", num_trials=2)
    settings = replace(read_manifest(run).settings, tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    store = Store(settings)
    set_clock(jump)
    store.open()
    bring_search(store, {}, is_running=True)
    set_clock(0.0)
    trials = JournalReader(run / "journal.jsonl").trials
    bring_trials(store, trials, "FINISHED")
    found = store.client.search_runs([store._experiment])
    assert len(found) == 3
    assert all(one.info.end_time >= one.info.start_time for one in found)
