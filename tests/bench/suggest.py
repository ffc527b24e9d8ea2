<<<<<<< HEAD
"""What a proposal costs late in a long search."""
=======
"""How long the searcher takes to propose a trial when many have finished."""
>>>>>>> h/policy

import statistics
import time
from typing import Any

<<<<<<< HEAD
import optuna
from optuna.distributions import distribution_to_json

from experiments.searcher import OptunaSearcher
from search_spaces import load
from tests.bench.replay import MemoryJournal

OBJECTIVE, EPOCHS, FIRST_RUNG, NUM_PROPOSALS = "val_miou", 27, 3, 9


def suggest_ms(num_trials: int) -> float:
    """Median milliseconds of `suggest` after so many finished trials of the baseline space, 27 epochs each."""
    journal, space = _searched(num_trials), load("baseline")
    total = num_trials + NUM_PROPOSALS
    searcher = OptunaSearcher(space, journal, OBJECTIVE, total, total, first_rung=FIRST_RUNG)
    spent = []
    for number in range(NUM_PROPOSALS):
        started = time.perf_counter()
        assert isinstance(searcher.suggest(f"ray{number}"), dict)
        spent.append(1000 * (time.perf_counter() - started))
    return statistics.median(spent)


def _searched(num_trials: int) -> MemoryJournal:
    """The journal of a random search."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal, space = MemoryJournal(), load("baseline")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(num_trials):
        trial: Any = study.ask()
        space(trial)
        kinds = {name: distribution_to_json(kind) for name, kind in trial.distributions.items()}
        record = journal.add_trial(dict(trial.params), kinds, dict(trial.params))
        top = 1 / (1 + abs(trial.params["lr"] - 2e-3) * 500)
        for epoch in range(1, EPOCHS + 1):
            journal.add_epoch(record.key, epoch, {OBJECTIVE: top * (1 - 0.9**epoch)})
        journal.end_trial(record.key, "finished")
    return journal
=======
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
>>>>>>> h/policy
