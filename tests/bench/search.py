"""The search policy, replayed on recorded learning curves against random search and Ray's stock pair."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table as Printed

from experiments.settings import SearchSettings
from tests.bench.made_tables import made_table
from tests.bench.replay import Incumbents
from tests.bench.replay_policies import Own, Stock, one_epoch_then_best, random_search
from tests.bench.replay_table import Table, read_table, taskset
from tests.bench.rows import Row

CURVES = Path(__file__).parents[3] / "shared" / "data" / "curves" / "taskset12.npz"
NUM_SEEDS = 10
NUM_TARGETS = 30
"""Random searches whose final incumbents are the targets, so that chance in the targets is small."""
STOCK = "stock OptunaSearch + ASHAScheduler"
POLICIES = {
    "promotion + mixed": Own("promotion"),
    "asha + mixed": Own("asha"),
    "promotion + tpe": Own("promotion", "tpe"),
    "promotion + forest": Own("promotion", "forest"),
    "promotion + random": Own("promotion", "random"),
    STOCK: Stock(),
    f"{STOCK}, NaN reported": Stock(guarded=False),
    "one epoch, then the best": one_epoch_then_best,
    "random search": random_search,
}
OWN = f"{SearchSettings.scheduler} + {SearchSettings.sampler}"


@dataclass(frozen=True)
class Score:
    """How a policy did on one table."""

    speed_up: float
    """Median over all (seed, target) of: time at which that random search reached its own final incumbent ÷ time at
    which the policy did; 0 where the policy did not within the budget."""
    never: float
    """Share of (seed, target) in which it did not."""
    regrets: tuple[float, ...]
    """Per seed: (best - incumbent at the end) in % of (best - median) of the table."""


def measure(
    repeats: int, tables: Sequence[Path] = (), num_seeds: int = NUM_SEEDS, first_seed: int = 0, num_made: int = 0
) -> list[Row]:
    """Replay all policies and print a table of them; `repeats` changes nothing, seeds do the repeating.

    Args:
        num_made: instead of recorded tables so many made ones.
    """
    if not tables and not num_made and not CURVES.is_file():
        raise SystemExit(f"{CURVES} is missing: give curve tables with --tables, or make some with --made.")
    loaded = [read_table(path) for path in tables] + [made_table(seed) for seed in range(num_made)]
    loaded = loaded or list(taskset(CURVES))
    targets = [[random_search(t, _seed(n, 500 + one))[-1] for one in range(NUM_TARGETS)] for n, t in enumerate(loaded)]
    scores, seconds = {}, {}
    for name, policy in POLICIES.items():
        started = time.perf_counter()
        runs = [
            [policy(table, _seed(n, first_seed + one)) for one in range(num_seeds)] for n, table in enumerate(loaded)
        ]
        scores[name] = [score(*one) for one in zip(loaded, runs, targets, strict=True)]
        seconds[name] = time.perf_counter() - started
    _print_policies(scores, seconds, num_seeds)
    _print_tables(loaded, scores)
    return _rows(scores)


def _seed(table: int, number: int) -> int:
    """A seed of its own for each table: TaskSet's share their rows, and would share the luck of a draw."""
    return 1000 * table + number


def score(table: Table, runs: list[Incumbents], targets: list[tuple[float, float]]) -> Score:
    """Compare the searches of a policy with the final incumbents, (time, value), of random searches."""
    ratios, regrets = [], []
    for incumbents in runs:
        times, values = (np.array(one) for one in zip(*incumbents, strict=True))
        regrets.append(100 * (table.best - values[-1]) / (table.best - table.median))
        for at, target in targets:
            place = int(np.searchsorted(values, target))
            ratios.append(at / times[place] if place < len(times) else 0.0)
    return Score(float(statistics.median(ratios)), float(np.mean(np.array(ratios) == 0)), tuple(regrets))


def _suite(scores: list[Score]) -> tuple[float, float, float]:
    """Median speed-up of the tables, share never reached in %, mean regret in %."""
    never, regret = np.mean([one.never for one in scores]), np.mean([one.regrets for one in scores])
    return statistics.median(one.speed_up for one in scores), float(100 * never), float(regret)


def _slower(own: list[Score], stock: list[Score]) -> int:
    return sum(bool(mine.speed_up < other.speed_up) for mine, other in zip(own, stock, strict=True))


def _print_policies(scores: dict[str, list[Score]], seconds: dict[str, float], num_seeds: int) -> None:
    printed = Printed(
        "policy",
        "speed-up over random: median (tables' range)",
        "never reached",
        "regret: mean, median (quartiles of table x seed)",
        "tables slower / worse than stock",
        "s per search",
        title=f"{len(scores[OWN])} tables x {num_seeds} seeds",
    )
    stock = scores[STOCK]
    for name, own in scores.items():
        speed_up, never, regret = _suite(own)
        low, middle, high = np.percentile([one.regrets for one in own], [25, 50, 75])
        each = [one.speed_up for one in own]
        worse = sum(np.mean(a.regrets) > np.mean(b.regrets) for a, b in zip(own, stock, strict=True))
        printed.add_row(
            name,
            f"{speed_up:.2f} x ({min(each):.2f} to {max(each):.2f})",
            f"{never:.1f} %",
            f"{regret:.1f} %, {middle:.1f} % ({low:.1f} to {high:.1f})",
            f"{_slower(own, stock)} / {worse}",
            f"{seconds[name] / len(own) / num_seeds:.2f}",
        )
    Console(width=180).print(printed)


def _print_tables(tables: list[Table], scores: dict[str, list[Score]]) -> None:
    printed = Printed("table", f"{OWN}: speed-up, never, mean regret", f"{STOCK}: the same", "worse than stock?")
    for table, own, stock in zip(tables, scores[OWN], scores[STOCK], strict=True):
        verdicts = {
            "slower": own.speed_up < stock.speed_up,
            "regret": np.mean(own.regrets) > np.mean(stock.regrets),
        }
        printed.add_row(
            table.name, _text(own), _text(stock), ", ".join(name for name, is_so in verdicts.items() if is_so)
        )
    Console(width=180).print(printed)


def _text(one: Score) -> str:
    return f"{one.speed_up:.2f} x, {100 * one.never:.0f} %, {np.mean(one.regrets):.0f} %"


def _rows(scores: dict[str, list[Score]]) -> list[Row]:
    speed_up, never, regret = _suite(scores[OWN])
    stock = _suite(scores[STOCK])[0]
    to_random, to_stock = "random search, 16 full trainings", f"{STOCK}, diverged trials ended"
    model = "what a model learns from few trials"
    return [
        Row(
            "time to random's final incumbent", speed_up, ">=", 2.8, "x", to_random, f"the first random trials; {model}"
        ),
        Row("the same against the stock pair", speed_up / max(stock, 1e-9), ">=", 3.0, "x", to_stock, model),
        Row("random's final incumbent never reached", never, "<=", 6.0, "%", to_random, model),
        Row("mean regret at the end of the budget", regret, "<=", 15.0, "% of median - best", to_random, model),
        Row("tables slower than stock", _slower(scores[OWN], scores[STOCK]), "<=", 0.0, "", to_stock, model),
    ]
