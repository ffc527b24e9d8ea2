"""A loop that plays Ray's controller for the promotion scheduler and the searcher, without processes."""

from pathlib import Path
from typing import Any

from ray.tune.schedulers import TrialScheduler

from experiments.journal import Journal
from experiments.policy.promotion import PromotionAsha
from experiments.recorder import FAILURE, Recorder
from experiments.searcher import OptunaSearcher, Space

STOP, CONTINUE, PAUSE = TrialScheduler.STOP, TrialScheduler.CONTINUE, TrialScheduler.PAUSE
EPOCHS, TRIALS = 9, 9


class Fake:
    """A trial as Ray's controller hands it over."""

    def __init__(self, trial_id: str, config: dict[str, Any]) -> None:
        self.trial_id, self.config, self.status = trial_id, config, "PENDING"

    def is_finished(self) -> bool:
        """As Ray's."""
        return self.status == "TERMINATED"

    def set_status(self, status: str) -> None:
        """As Ray's."""
        self.status = status

    def init_local_path(self) -> None:
        """As Ray's, without a folder."""


class Loop:
    """Plays Ray's controller: round by round, each running trial reports an epoch in the order it started."""

    def __init__(
        self,
        path: Path,
        slots: int = 2,
        trials: int = TRIALS,
        space: Space = lambda trial: trial.suggest_float("lr", 0.0, 1.0),
        second: str | None = None,
        full_trials: int = 1,
        epochs: int = EPOCHS,
        failing: dict[str, int] | None = None,
        **options: Any,
    ) -> None:
        """Take up a journal; `failing` says which trials fail instead of reporting which epoch."""
        self.journal, self.slots, self.epochs, self.failing = Journal(path), slots, epochs, failing or {}
        self.scheduler = PromotionAsha(self.journal, "val_miou", epochs, 3, 3.0, trials, slots, second, full_trials)
        self.searcher = OptunaSearcher(
            space,
            self.journal,
            "val_miou",
            trials,
            slots,
            cut=self.scheduler.cut,
            first_rung=3,
            promotion=self.scheduler,
            second_objective=second,
            **options,
        )
        self.recorder = Recorder(self.journal, "val_miou")
        self.trials: list[Fake] = []
        self.running: list[Fake] = []
        self.is_finished = False
        self.most_running = 0

    def get_trials(self) -> list[Fake]:
        """As Ray's."""
        return self.trials

    def stop_trial(self, trial: Fake) -> None:
        """As Ray's."""
        if trial.status == "RUNNING":
            self.scheduler.on_trial_complete(self, trial, {})
            self.running.remove(trial)
        else:
            self.scheduler.on_trial_remove(self, trial)
        self.searcher.on_trial_complete(trial.trial_id)
        trial.status = "TERMINATED"

    def fill(self) -> None:
        """One step: new trials, then the scheduler's choice."""
        while len([trial for trial in self.trials if trial.status == "PENDING"]) < self.slots:
            config = self.searcher.suggest(name := f"{id(self)}-{len(self.trials)}")
            if not isinstance(config, dict):
                self.is_finished = config == self.searcher.FINISHED
                break
            self.trials.append(Fake(name, config))
            self.scheduler.on_trial_add(self, self.trials[-1])
        chosen = self.scheduler.choose_trial_to_run(self)
        if chosen is not None and len(self.running) < self.slots:
            chosen.status = "RUNNING"
            self.running.append(chosen)
            self.most_running = max(self.most_running, len(self.running))

    def report(self, trial: Fake) -> None:
        """The next epoch of a trial."""
        epoch = max(self.journal.trials[trial.config["trial_key"]].epochs, default=0) + 1
        score = trial.config["lr"] * epoch / self.epochs
        result = {"epoch": epoch, "val_miou": score, "parameters_m": trial.config["lr"]}
        if self.failing.get(trial.config["trial_key"]) == epoch:
            result = {FAILURE: "diverged"}
        decision = self.scheduler.on_trial_result(self, trial, result)
        self.recorder.on_trial_result(0, [], trial, result)
        if decision == STOP or FAILURE in result:
            self.stop_trial(trial)
        elif decision == PAUSE:
            trial.status = "PAUSED"
            self.running.remove(trial)

    def run(self, reports: int = 10_000) -> None:
        """Play until the search is over, or so many reports were made."""
        for _ in range(reports):
            for _ in range(4 * self.slots):
                self.fill()
            if not self.running:
                return
            self.report(self.running[0])
            self.running.append(self.running.pop(0)) if self.running else None

    def ends(self) -> dict[str, tuple[str | None, int]]:
        """Status and length of each trial."""
        return {key: (record.status, len(record.epochs)) for key, record in self.journal.trials.items()}
