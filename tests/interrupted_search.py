"""A search over a function in place of trainings, as a process of its own that tests may kill.

python -m tests.interrupted_search OUT NAME
"""

import signal
import sys
import time
from pathlib import Path
from typing import Any

from experiments.signals import ignore_signals
from experiments.verbs.command_line import run_command

EPOCHS, TRIALS = 9, 7


def space(trial: Any) -> None:
    """A number and a choice."""
    trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    trial.suggest_categorical("optimizer", ["adamw", "sgd", "madgrad"])


def trainable_in(folder: Path, step_s: float) -> Any:
    """A trainable that notes every step it makes, and goes on from a file of its own as the project's from checkpoints.

    Args:
        step_s: time of one epoch.
    """

    def trainable(params: dict[str, Any]) -> None:
        import os

        from ray import tune

        state = folder / "states" / params["trial_key"]
        last = int(state.read_text()) if state.exists() else 0
        if last:
            tune.report(row(params, last))
        for epoch in range(last + 1, EPOCHS + 1):
            time.sleep(step_s)
            with open(folder / "steps.log", "a") as stream:
                stream.write(f"{params['trial_key']} {epoch} {os.getpid()}\n")
            state.with_suffix(".new").write_text(str(epoch))
            state.with_suffix(".new").rename(state)
            tune.report(row(params, epoch))

    return trainable


def row(params: dict[str, Any], epoch: int) -> dict[str, Any]:
    """The table's value, the same whenever it is asked for."""
    bonus = {"adamw": 0.1, "sgd": 0.0, "madgrad": 0.05}[params["optimizer"]]
    return {"epoch": epoch, "val_miou": (1 + bonus - abs(params["lr"] - 0.01)) * epoch / EPOCHS}


def search(out: str, name: str) -> None:
    """Start the search, or go on with it, one trial at a time."""
    from experiments.journal import Journal
    from experiments.search import run
    from experiments.settings import SearchSettings

    budget_s = 3600.0  # nothing ends it before, except a clock that jumps
    settings = SearchSettings(
        *("none", "quick", name),
        out=out,
        trials=TRIALS,
        epochs=EPOCHS,
        concurrent=1,
        cpus_per_trial=0.5,
        time_budget=budget_s,
    )
    (settings.folder / "states").mkdir(parents=True, exist_ok=True)
    journal = Journal(settings.folder / "journal.jsonl")
    run(settings, space, trainable_in(settings.folder, 0.1), journal, ())
    assert is_caught(signal.SIGTERM), "the hops after the trials unwind on SIGTERM too"


def is_caught(number: int) -> bool:
    """Whether this process handles a signal, as the kernel sees it; Python does not notice what C++ changes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1)


if __name__ == "__main__":
    out, name = sys.argv[1:]
    code = run_command({"search": search, "other": search}, "", ["search", "--out", out, "--name", name])
    ignore_signals()
    sys.exit(code)
