"""SearchSettings: budget, resources and paths of one search. What decides a model's weights is in TrialConfig."""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from experiments.limits import Limits
from trashseg_core.config import parse_assignments
from trashseg_core.data.coco import MAX_JSON_MB
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.photos import MAX_MEGAPIXELS
from trashseg_core.errors import BadInput


@dataclass(frozen=True)
class SearchSettings:
    """All settings of `search`. Every one is a flag of the same name."""

    data: str
    """Folder with train.json, val.json, test.json and the photos."""
    space: str
    """What may vary: the name of a space (quick, baseline, wide), or the path of your own Python file, which is run."""
    name: str
    """Name of the search; everything it makes is in OUT/NAME."""
    out: str = "runs"
    """Folder of all searches; on a cluster, one that all nodes share."""
    trials: int = 20
    """Number of configurations to try."""
    epochs: int = 30
    """Length of a full training. Poor trials end at a rung before it."""
    concurrent: int | Literal["auto"] = "auto"
    """Trials side by side; `auto`: as many as CPUs, GPUs and memory allow."""
    gpus_per_trial: float | None = None
    """GPUs of one trial; fractions share a card. Default: 1 where there is a GPU, or the share that lets `concurrent`
    trials run, else 0."""
    cpus_per_trial: float | None = None
    """CPUs of one trial, also its number of threads. Default: 1 per worker without a GPU, else an even share."""
    workers_per_trial: int | None = None
    """Processes that train one trial together, each on an even share of its GPUs, CPUs and of every batch. Default: one
    for each GPU of a trial."""
    time_budget: float | None = None
    """Seconds after which no trial goes on; what was reached enters the ensemble."""
    top_k: int = 5
    """Number of best trials that the ensemble chooses from."""
    keep: int | None = None
    """Number of best ended trials that keep their weights; of the others, scores and configuration stay. Default: twice
    the `top_k`."""
    disk_gb: float | None = None
    """10^9 bytes that all checkpoints together may take. Trials give way, the least promising first; one that still
    finds no room fails. Default: no limit."""
    objective: Literal["val_miou", "val_miou_low"] = "val_miou"
    """What is maximised: mIoU on val, or its lower 5 % bootstrap quantile."""
    second_objective: Literal["val_s_per_image", "parameters_m"] | None = None
    """What is minimised beside it: seconds per image of a prediction, or millions of weights. The result is then a
    Pareto front, pareto.json."""
    max_memory_mb: float | None = None
    """Trials that need more MiB in their first epoch (of the GPU, else of the process) end as failed, infeasible."""
    max_parameters_m: float | None = None
    """Trials with more millions of weights end before they train."""
    max_seconds_per_image: float | None = None
    """Trials that predict slower, in seconds per image, end after their first epoch."""
    warm_start: tuple[str, ...] = ()
    """Run folders of earlier searches, whose trials the sampler is told of where data and fields allow it."""
    enqueue: tuple[str, ...] = ()
    """JSON files of known good configurations, one or a list each, to try right after the default one."""
    seed: int = 0
    """Seed of the sampler, and of the trials unless `--set seed=…`."""
    set: tuple[str, ...] = ()
    """Hyperparameters fixed for all trials, whatever the space says: `--set image_size=256 lr=1e-3`."""
    scheduler: Literal["asha", "promotion"] = "promotion"
    """Successive halving: trials pause at a rung and the best are resumed, or poor ones are stopped at it for good."""
    sampler: Literal["forest", "tpe", "gp", "cmaes", "random", "qmc"] = "forest"
    """Who proposes configurations: a model of random trees, or one of Optuna's own samplers."""
    grace_period: int | None = None
    """Epochs of the first rung: none stops or pauses earlier. Default: 1/27, 1/9 or 1/3 of the epochs, the
    first of them that is 2 or more."""
    reduction_factor: float = 3.0
    """The best 1/N go on at each rung; rungs lie N times further apart each."""
    train_file: str = "train.json"
    """Annotation file to train on, in DATA."""
    val_file: str = "val.json"
    """Annotation file to choose by, in DATA."""
    test_file: str = "test.json"
    """Annotation file of the photos to predict, in DATA."""
    background_category: str | None = None
    """Category that is the background itself; it becomes class 0."""
    skip_bad: bool = False
    """Leave out bad annotations and bad train or val photos instead of refusing them."""
    follow_links: bool = False
    """Accept photos behind links that lead out of the data folder."""
    max_json_mb: int = MAX_JSON_MB
    """Largest annotation file to read, in 10^6 bytes."""
    max_megapixels: float = MAX_MEGAPIXELS
    """Largest photo to read, in 10^6 pixels."""
    ray_address: str | None = None
    """Address of a running Ray cluster, or `auto` on its head. Default: a Ray of its own on this machine."""
    storage: str | None = None
    """Where Ray Tune keeps its own bookkeeping: a folder or fsspec URI that all nodes reach. Default: in
    OUT/NAME, where checkpoints and journal are in any case."""
    tracking_uri: str | None = None
    """MLflow tracking server or database. Default: SQLite in OUT/mlflow.db."""

    def __post_init__(self) -> None:
        """Refuse settings that no search could use.

        Raises:
            BadInput: saying what was given and what is allowed.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.name):
            raise BadInput(f"The value of `--name` is {self.name!r}, but must be letters, digits, `.`, `_` and `-`.")
        for flag in ("trials", "epochs", "top_k", "max_json_mb"):
            _at_least(flag, getattr(self, flag), 1)
        if self.concurrent != "auto":
            _at_least("concurrent", self.concurrent, 1)
        for flag in ("grace_period", "workers_per_trial"):
            if getattr(self, flag) is not None:
                _at_least(flag, getattr(self, flag), 1)
        limits = ("max_memory_mb", "max_parameters_m", "max_seconds_per_image")
        for flag in ("cpus_per_trial", "time_budget", "disk_gb", "max_megapixels", *limits):
            if getattr(self, flag) is not None and not getattr(self, flag) > 0:
                raise BadInput(f"The value of `--{_dashed(flag)}` is {getattr(self, flag)}, but must be above 0.")
        if self.gpus_per_trial is not None and not self.gpus_per_trial >= 0:
            raise BadInput(f"The value of `--gpus-per-trial` is {self.gpus_per_trial}, but must be 0 or more.")
        if self.num_kept < self.top_k:
            raise BadInput(
                f"The value of `--keep` is {self.keep}, but must be {self.top_k} or more: the ensemble chooses from "
                f"`--top-k {self.top_k}` trials."
            )
        if not self.reduction_factor > 1:
            raise BadInput(f"The value of `--reduction-factor` is {self.reduction_factor}, but must be above 1.")
        if self.grace_period is not None and self.grace_period > self.epochs:
            raise BadInput(f"The value of `--grace-period` is {self.grace_period}, above the {self.epochs} epochs.")
        if self.second_objective is not None and self.sampler == "cmaes":
            raise BadInput("`--sampler cmaes` knows one objective only. Take tpe or gp for `--second-objective`.")
        if self.second_objective is not None and self.scheduler == "asha":
            raise BadInput("`--scheduler asha` judges by one value only. Take promotion for `--second-objective`.")
        if not 0 <= self.seed < 2**32:
            raise BadInput(f"The value of `--seed` is {self.seed}, but must be between 0 and 2^32 - 1.")
        if "epochs" in parse_assignments(self.set):
            raise BadInput("`--set epochs=…` contradicts `--epochs`. Use `--epochs` alone.")
        _ = self.tracking  # refuses the file store before any work

    @property
    def folder(self) -> Path:
        """Absolute path of the run folder, OUT/NAME."""
        return Path(self.out).absolute() / self.name

    @property
    def pins(self) -> dict[str, Any]:
        """Hyperparameters that are the same in all trials."""
        return {"seed": self.seed, **parse_assignments(self.set), "epochs": self.epochs}

    @property
    def num_workers(self) -> int:
        """Processes that train one trial together."""
        return self.workers_per_trial or max(1, int(self.gpus_per_trial or 1))

    @property
    def limits(self) -> Limits:
        """What a trial may cost."""
        return Limits(self.max_memory_mb, self.max_parameters_m, self.max_seconds_per_image)

    @property
    def essentials(self) -> dict[str, Any]:
        """The settings that decide what is proposed and how it is judged; they stay while a search is resumed."""
        names = ("objective", "second_objective", "epochs", "seed", "scheduler", "sampler", "reduction_factor")
        values = {name: getattr(self, name) for name in (*names, *(field.name for field in fields(Limits)))}
        return {**values, "first_rung": self.first_rung, "set": list(self.set)}

    @property
    def first_rung(self) -> int:
        """Epochs before a trial may be stopped or paused; never 1 by default: ranks after one epoch mislead."""
        if self.grace_period is not None:
            return self.grace_period
        ladder = (round(self.epochs / self.reduction_factor**power) for power in (3, 2, 1))
        return next((rung for rung in ladder if rung >= 2), self.epochs)

    @property
    def num_kept(self) -> int:
        """Ended trials that keep their weights."""
        return self.keep if self.keep is not None else 2 * self.top_k

    @property
    def disk_bytes(self) -> int | None:
        """Bytes that all checkpoints may take."""
        return None if self.disk_gb is None else int(self.disk_gb * 1e9)

    @property
    def data_folder(self) -> DataFolder:
        """The data folder with the choices that decide what is read from it."""
        return DataFolder(
            str(Path(self.data).absolute()),
            self.train_file,
            self.val_file,
            self.test_file,
            self.background_category,
            self.skip_bad,
            self.follow_links,
            self.max_json_mb,
            self.max_megapixels,
        )

    @property
    def tracking(self) -> str:
        """Absolute MLflow tracking URI.

        Raises:
            BadInput: the file store, which MLflow no longer takes.
        """
        uri = self.tracking_uri
        if uri is None:
            return f"sqlite:///{Path(self.out).absolute() / 'mlflow.db'}"
        if uri.startswith("file:") or "://" not in uri:
            raise BadInput(
                f"The value of `--tracking-uri` is {uri!r}, but MLflow needs a database or server: sqlite:///F.db"
            )
        if uri.startswith("sqlite:///") and not uri.startswith("sqlite:////"):
            return f"sqlite:///{Path(uri.removeprefix('sqlite:///')).absolute()}"
        return uri


def _at_least(flag: str, value: int, low: int) -> None:
    if value < low:
        raise BadInput(f"The value of `--{_dashed(flag)}` is {value}, but must be {low} or more.")


def _dashed(flag: str) -> str:
    return flag.replace("_", "-")
