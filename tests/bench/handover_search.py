"""A search whose trials sleep and note when they worked; as this project runs it, or as Ray does by default.

    python -m tests.bench.handover_search own|plain OUT TRIALS SLOTS SECONDS

Prints one JSON line: wall seconds of `fit()`, and each trial's process, first and last moment of work.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

EPOCHS = 4


def trainable_in(out: Path, seconds: float) -> Any:
    """A trainable that imports what a real one needs, then sleeps; each report says when it started and ended."""

    def trainable(params: dict[str, Any]) -> None:
        import os

        import segmentation_models_pytorch  # noqa: F401
        import torch  # noqa: F401
        from ray import tune

        started = time.time()
        for epoch in range(1, EPOCHS + 1):
            time.sleep(seconds / EPOCHS)
            if epoch == EPOCHS:
                line = json.dumps({"pid": os.getpid(), "started": started, "ended": time.time()})
                with open(out / "worked.jsonl", "a", encoding="ascii") as stream:
                    stream.write(line + "\n")
            tune.report({"epoch": epoch, "val_miou": params["lr"] * epoch})

    return trainable


def space(trial: Any) -> None:
    """One number."""
    trial.suggest_float("lr", 1e-3, 1e-1, log=True)


def run_own(out: Path, trials: int, slots: int, seconds: float) -> None:
    """The project's driver with journal, terminal and MLflow, every trial run to its end without a pause."""
    from experiments.journal import Journal
    from experiments.search import run
    from experiments.showing.display import build_display
    from experiments.showing.options import Showing
    from experiments.showing.progress import Progress
    from experiments.terminal import Terminal
    from experiments.tracking.tracker import Tracker
    from tests.bench.free_search import free_settings

    settings = free_settings(out, trials, EPOCHS, slots, grace_period=EPOCHS)
    journal = Journal(settings.folder / "journal.jsonl")
    terminal = Terminal(Progress(journal, settings.objective, trials, EPOCHS), build_display(Showing()))
    tracker = Tracker(settings, journal, terminal.display.say)
    with terminal:
        run(settings, space, trainable_in(out, seconds), journal, (terminal, tracker))
    tracker.finish("FINISHED")


def run_plain(out: Path, trials: int, slots: int, seconds: float) -> None:
    """Ray's defaults: a fresh actor for each trial."""
    import ray
    from ray import tune

    ray.init(include_dashboard=False, log_to_driver=False)
    tuner = tune.Tuner(
        tune.with_resources(trainable_in(out, seconds), {"cpu": 1 / slots}),
        param_space={"lr": tune.loguniform(1e-3, 1e-1)},
        tune_config=tune.TuneConfig(metric="val_miou", mode="max", num_samples=trials, max_concurrent_trials=slots),
        run_config=tune.RunConfig(storage_path=str(out / "plain"), verbose=0),
    )
    tuner.fit()
    ray.shutdown()


def main(arguments: list[str]) -> None:
    """Run one of the two and print when its trials worked."""
    out, trials, slots = Path(arguments[1]).absolute(), int(arguments[2]), int(arguments[3])
    started = time.time()
    {"own": run_own, "plain": run_plain}[arguments[0]](out, trials, slots, float(arguments[4]))
    worked = [json.loads(line) for line in (out / "worked.jsonl").read_text(encoding="ascii").splitlines()]
    print(json.dumps({"wall": time.time() - started, "started": started, "worked": worked}))


if __name__ == "__main__":
    main(sys.argv[1:])
