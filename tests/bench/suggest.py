"""What a proposal costs late in a long search."""

import statistics
import time
from typing import Any

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
