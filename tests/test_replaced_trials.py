"""A trial that fails, or is given up, leaves the place that it was guaranteed to the next best."""

from pathlib import Path
from typing import Any

import pytest

from tests.promotion_loop import Loop


def best_first(loop: Loop) -> list[str]:
    """Keys of the trials, the best first."""
    return sorted(loop.journal.trials, key=lambda key: -loop.journal.trials[key].config["lr"])


def with_failures(path: Path, num_failing: int, full_trials: int, reports: int = 10_000) -> Loop:
    """A search, on one slot, of 5 trials of 30 epochs whose best fail in epoch 5, or 15 for the second."""
    calm = Loop(path.with_suffix(".calm"), 1, trials=5, epochs=30)
    calm.run()
    failing = dict(zip(best_first(calm)[:num_failing], (5, 15), strict=False))
    loop = Loop(path, 1, trials=5, epochs=30, full_trials=full_trials, failing=failing)
    loop.run(reports)
    return loop


@pytest.mark.parametrize(("num_failing", "full_trials"), [(1, 1), (1, 2), (2, 1), (2, 3)])
def test_where_the_best_fail_the_next_best_are_trained_in_full(
    tmp_path: Path, num_failing: int, full_trials: int
) -> None:
    loop = with_failures(tmp_path / "journal.jsonl", num_failing, full_trials)
    assert loop.is_finished
    wanted = ["failed"] * num_failing + ["finished"] * full_trials
    ends = [loop.journal.trials[key].status for key in best_first(loop)]
    assert ends == wanted + ["stopped"] * (5 - len(wanted))


@pytest.mark.parametrize("killed_after", [5, 12, 15, 17, 18, 25])
def test_a_restart_after_a_failure_replaces_it_too(tmp_path: Path, killed_after: int) -> None:
    calm = with_failures(tmp_path / "calm.jsonl", 1, 1)
    killed = with_failures(tmp_path / "killed.jsonl", 1, 1, reports=killed_after)
    again = Loop(killed.journal.path, 1, trials=5, epochs=30, failing=killed.failing)
    again.run()
    assert again.is_finished and again.ends() == calm.ends()


@pytest.mark.parametrize("restarted", [False, True])
def test_who_was_given_up_leaves_its_guaranteed_place_to_the_next_best(tmp_path: Path, restarted: bool) -> None:
    options: dict[str, Any] = {"slots": 1, "trials": 5, "full_trials": 4}
    options["points"] = [{"lr": rate} for rate in (0.5, 0.6, 0.9, 0.1, 0.2)]
    loop = Loop(tmp_path / "journal.jsonl", **options)
    loop.run(9)
    loop.scheduler.give_one_up()
    loop.fill()
    (key,) = loop.scheduler.given_up
    if restarted:
        loop = Loop(loop.journal.path, **options)
    loop.run()
    given_up = loop.journal.trials[key]
    assert (given_up.status, max(given_up.epochs)) == ("stopped", 3) and "gave way" in str(given_up.error)
    assert [status for status, _ in loop.ends().values()].count("finished") == 4
