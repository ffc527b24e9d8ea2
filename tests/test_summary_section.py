"""The head of the report: what was found, and when."""

import re
import time

from experiments.journal import Moments, TrialRecord
from experiments.sections.summary import summary
from tests.made_run import run_of


def test_the_period_goes_from_the_first_proposal_to_the_last_word_of_any_trial() -> None:
    minutes = [60.0 * one for one in (0, 5, 9, 3)]
    early = TrialRecord("t0000", {}, {}, {}, moments=Moments(minutes[0], {1: minutes[1]}, minutes[2]))
    late = TrialRecord("t0001", {}, {}, {}, moments=Moments(minutes[3]))
    told = summary(run_of(records={"t0000": early, "t0001": late})).html
    first, last = (time.strftime("%Y-%m-%d %H:%M", time.localtime(one)) for one in (minutes[0], minutes[2]))
    assert re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d", told) == [first, last]
