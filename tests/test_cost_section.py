"""The cost's section: where the time of the slots went, in seconds and in shares."""

import re

from experiments.journal import Moments, TrialRecord
from experiments.results import TrialResult
from experiments.sections.cost_section import cost_section
from tests.made_run import run_of

LENGTHS = {"t0000": ("finished", 0, 60), "t0001": ("stopped", 0, 20), "t0002": ("failed", 40, 50)}
"""Status, start and end of the one epoch of each trial: 120 s of two slots, of which 30 s are idle."""


def section() -> str:
    results, records = [], {}
    for key, (status, start, end) in LENGTHS.items():
        seconds = float(end - start)
        results.append(TrialResult(key, status, 0.5, 0.4, 1, 1, {}, None, seconds, None))  # type: ignore[arg-type]
        records[key] = TrialRecord(key, {}, {}, {}, {1: {"epoch_s": seconds}}, status)
        records[key].moments = Moments(1000.0, {1: 1000.0 + end})
    return cost_section(run_of(results, records=records))["Cost"].html


def test_the_waste_is_told_in_words() -> None:
    for told in (
        "2 slots, 2 min 00 s of slot time",
        "50\u00a0% trained",
        "17\u00a0% found out",
        "33\u00a0% brought nothing",
    ):
        assert told in section()


def test_seconds_and_shares_add_up() -> None:
    rows = re.findall(r"<td>(\d+)</td><td>([\d.]+)\u00a0%</td>", section())
    seconds, shares = [int(one) for one, _ in rows], [float(one) for _, one in rows]
    assert seconds == [60, 20, 10, 30, 0, 120]
    assert abs(sum(shares[:-1]) - 100) < 0.2 and shares[-1] == 100


def test_both_figures_are_drawn() -> None:
    assert 'id="timeline"' in section() and 'id="times"' in section()


def test_a_search_without_an_epoch_says_so() -> None:
    assert "No trial reported how long an epoch took" in cost_section(run_of())["Cost"].html
