"""How long the searcher takes to propose a trial when many have finished."""

import statistics
import time
from typing import Any

from experiments.searcher import OptunaSearcher
from experiments.settings import SearchSettings
from search_spaces import load
from tests.bench.replay import MemoryJournal

OBJECTIVE = "val_miou"
NUM_SUGGESTIONS = 9


def suggest_ms(num_trials: int, space: str = "baseline", sampler: str = SearchSettings.sampler) -> float:
    """Median milliseconds of a `suggest` after so many trials, which ended at epochs 3, 9 and 27 as halving has it."""
    journal = MemoryJournal()
    filler = OptunaSearcher(load(space), journal, OBJECTIVE, num_trials, 1, sampler="random")
    for number in range(num_trials):
        config: Any = filler.suggest(str(number))
        for epoch in range(1, (27 if number % 9 == 0 else 9 if number % 3 == 0 else 3) + 1):
            journal.add_epoch(config["trial_key"], epoch, {OBJECTIVE: number * 37 % 101 * epoch / 2727})
        filler.on_trial_complete(str(number))
    searcher = OptunaSearcher(load(space), journal, OBJECTIVE, 2 * num_trials, NUM_SUGGESTIONS + 1, sampler=sampler)
    searcher.suggest("warm")
    seconds = []
    for number in range(NUM_SUGGESTIONS):
        started = time.perf_counter()
        searcher.suggest(f"timed{number}")
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)
