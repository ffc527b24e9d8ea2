"""Campaign: as many cases of a row as are asked for, drawn by hypothesis, judged by the pool, written to the log."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.reliability.fuzzing.case import Case, Row
from tests.reliability.fuzzing.pool import Pool
from tests.reliability.fuzzing.worker import Answer

PER_SEED = 2_000
"""Cases of one seed: more of them explore further seeds, 0, 1, 2, …"""


@dataclass
class Campaign:
    """What a row's cases came to."""

    row: str
    tried: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    """What was done and what came of it, of each case that was lost."""


def run_campaign(name: str, row: Row, num_cases: int, place: Path, log: Path | None = None) -> Campaign:
    """Try about as many mutated folders as asked for, never fewer.

    Args:
        name: of the row.
        place: an empty folder for valid files, workers and lost cases.
        log: a line is appended for each case.
    """
    valid = place / "valid"
    valid.mkdir()
    row.make(valid)
    done, lines = Campaign(name), open(log, "a", encoding="utf-8", errors="backslashreplace") if log else None

    def tell(number: int, case: Case, answer: Answer) -> None:
        done.outcomes[answer.outcome] = done.outcomes.get(answer.outcome, 0) + 1
        if answer.outcome == "crash":
            done.lost.append(f"case {number}: {case.summary}: {answer.detail}")
        if lines is not None:
            detail = " ".join(answer.detail.split())[-300:]
            lines.write(
                f"{name} {number // PER_SEED}/{number % PER_SEED} {answer.outcome}, {1000 * answer.seconds:.0f} ms: "
                f"{case.summary}{' -> ' if detail else ''}{detail}\n"
            )
            lines.flush()

    pool = Pool(row.judge, valid, place, tell)
    cases = row.mutations(valid)
    for number_of_seed in itertools.count():
        done.tried += submit_cases(pool, cases, number_of_seed, min(PER_SEED, num_cases - done.tried))
        if done.tried >= num_cases:
            break
    pool.close()
    if lines is not None:
        lines.close()
    return done


def submit_cases(pool: Pool, cases: SearchStrategy[Case], number_of_seed: int, wanted: int) -> int:
    """Draw cases from one seed; return how many were submitted."""
    numbers = itertools.count(number_of_seed * PER_SEED)

    @seed(number_of_seed)
    @settings(max_examples=wanted, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
    @given(cases)
    def draw(case: Case) -> None:
        pool.submit(next(numbers), case)

    draw()
    return next(numbers) - number_of_seed * PER_SEED
