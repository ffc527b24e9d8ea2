"""Thousands of mutated files, read as the verbs read them: fine or bad input, never a crash, a death or a hang.

python -m tests.reliability fuzz-coco --fuzz-cases 50000 --log FILE tries more: every 2,000 cases of a row have a seed
of their own, 0, 1, 2, ... The log has a line per case. A case that was lost stays on disk; its folder is named.
"""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.cases import Cases
from tests.reliability.fuzzing.campaign import run_campaign
from tests.reliability.fuzzing.campaigns import CAMPAIGNS

Fuzz = Callable[[str], None]


@pytest.fixture
def fuzz(request: pytest.FixtureRequest, tmp_path: Path, cases: Cases) -> Fuzz:
    """Tries a row's share of all cases, and fails with those that were lost."""

    def run(name: str) -> None:
        row = CAMPAIGNS[name]
        number = math.ceil(row.share * int(request.config.getoption("--fuzz-cases")))
        done = run_campaign(name, row, number, tmp_path, request.config.getoption("--reliability-log"))
        cases.add(done.tried)
        assert set(done.outcomes) >= {"fine", "bad input"}, "mutations that do nothing, or nothing but harm"
        assert sum(done.outcomes.values()) == done.tried >= number
        told = "\n".join(done.lost[:5])
        assert not done.lost, f"{len(done.lost)} of {done.tried} cases are lost; their files are in {tmp_path}\n{told}"

    return run


@pytest.mark.slow
@pytest.mark.reliability("fuzz-coco")
def test_mutated_annotation_files_are_fine_or_bad_input(fuzz: Fuzz) -> None:
    fuzz("fuzz-coco")


@pytest.mark.slow
@pytest.mark.reliability("fuzz-configuration")
def test_mutated_configurations_and_settings_are_fine_or_bad_input(fuzz: Fuzz) -> None:
    fuzz("fuzz-configuration")


@pytest.mark.slow
@pytest.mark.reliability("fuzz-results")
def test_mutated_results_and_journals_are_fine_or_bad_input(fuzz: Fuzz) -> None:
    fuzz("fuzz-results")


@pytest.mark.slow
@pytest.mark.reliability("fuzz-ensemble")
def test_mutated_ensembles_are_fine_or_bad_input(fuzz: Fuzz) -> None:
    fuzz("fuzz-ensemble")


@pytest.mark.slow
@pytest.mark.reliability("fuzz-checkpoint")
def test_mutated_checkpoints_are_fine_or_bad_input(fuzz: Fuzz) -> None:
    fuzz("fuzz-checkpoint")


@pytest.mark.slow
@pytest.mark.reliability("fuzz-csv")
def test_mutated_submissions_are_fine_or_bad_input_and_the_oracle_agrees(fuzz: Fuzz) -> None:
    fuzz("fuzz-csv")
