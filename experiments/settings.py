"""SearchSettings: budget, resources and paths of one search. What decides a model's weights is in TrialConfig."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from experiments.limits import Limits
from experiments.settings_check import check_settings
from experiments.tracking.address import tracking_address
from trashseg_core.config import parse_assignments
from trashseg_core.data.coco import MAX_JSON_MB
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.photos import MAX_MEGAPIXELS

Robust = Literal["single-low", "greedy-low", "backtest"]
Method = Literal["auto", "single", "uniform", "greedy", "bagged", "pairwise", "refined", "per-class", Robust]
Pool = Literal["top-k", "all-finished"]
Tta = Literal["auto", "none", "flip", "flips", "d4", "scales", "flips_scales"]
Crf = Literal["auto", "on", "off"]
Soup = Literal["on", "off"]
EnsembleSize = Literal["native", "256"]


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
    """Seconds after which no trial goes on; what was reached enters the ensemble. An interrupted search has all of them
    again; a spent budget is left alone until `resume` names one, or more trials."""
    hang_limit: float | None = None
    """Seconds without a step after which a trial has failed, and its process is ended. Default: 1800, or 20 times the
    longest pause between two steps so far."""
    top_k: int = 5
    """Number of best trials that the ensemble chooses from."""
    keep: int | None = None
    """Number of best ended trials that keep their weights; of the others, scores and configuration stay. Default: twice
    the `top_k`."""
    disk_gb: float | None = None
    """10^9 bytes that all checkpoints together may take. Trials give way, the least promising first; one that still
    finds no room fails. Default: no limit."""
    folds: int | None = None
    """Train each of the `top_k` configurations K times, each time without another K-th of train and val, so that the
    ensemble is chosen on all labelled photos. Val is the first fold. Default: only what the search trained."""
    pool: Pool = "top-k"
    """Candidates of the ensemble: the `--top-k` best trials, or all that ran through."""
    method: Method = "backtest"
    """How candidates are weighted; `backtest` takes the way that does best where parts of val play public and private
    board, `auto` the simplest of all within one error of the best, held out."""
    tta: Tta = "auto"
    """Views of a photo that are averaged; `auto` mirrors photos for those members that it helps on val."""
    crf: Crf = "off"
    """Dense CRF on the ensemble's probabilities; `auto` keeps it if it helps on val."""
    soup: Soup = "off"
    """Also offer means of the weights of trials with the same architecture and initialisation."""
    ensemble_size: EnsembleSize = "native"
    """Pixels of val that choose the ensemble: all at the photos' own size, or the 256 x 256 of a submission."""
    store_gb: float = 20.0
    """Most disk for the candidates' predictions, in 10^9 bytes; 256 x 256 is taken where the native size needs more."""
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
    sampler: Literal["mixed", "tpe", "forest", "gp", "cmaes", "random", "qmc"] = "mixed"
    """Who proposes configurations: one of Optuna's samplers, a forest of random trees, or, `mixed`, TPE first and
    later both in turn."""
    grace_period: int | None = None
    """Epochs of the first rung: none stops or pauses earlier. Default: 1/27 of the epochs, at least 3."""
    reduction_factor: float = 3.0
    """The best 1/N go on at each rung; rungs lie N times further apart each. With `promotion`, only 3/5 of these go on
    while new trials come, and the others after that."""
    full_trials: int = 1
    """Trials that are trained to the last epoch at least: when no new ones come, so many of the best go on at each
    rung. More of them are more, and better, members for the ensemble."""
    train_file: str = "train.json"
    """Annotation file to train on, in DATA."""
    val_file: str = "val.json"
    """Annotation file to choose by, in DATA."""
    test_file: str = "test.json"
    """Annotation file of the photos to predict, in DATA."""
    pseudo: str | None = None
    """Folder of pseudo-labelled photos, which `pseudo` writes; `pseudo_ratio` says how many are trained on."""
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
        check_settings({**vars(self), "num_kept": self.num_kept})
        _ = self.tracking  # refuses the file store

    @property
    def folder(self) -> Path:
        """Absolute path of the run folder, OUT/NAME."""
        return Path(self.out).absolute() / self.name

    @property
    def anchored(self) -> "SearchSettings":
        """The same settings with absolute paths: a search may be resumed from another folder than it was started in."""
        storage = self.storage if self.storage is None or "://" in self.storage else str(Path(self.storage).absolute())
        return replace(
            self,
            data=str(Path(self.data).absolute()),
            out=str(Path(self.out).absolute()),
            space=str(Path(self.space).absolute()) if self.space.endswith(".py") else self.space,
            storage=storage,
            pseudo=None if self.pseudo is None else str(Path(self.pseudo).absolute()),
            tracking_uri=None if self.tracking_uri is None else self.tracking,
        )

    @property
    def first_tta(self) -> str:
        """The set of views that the ensemble's members are offered; with `auto` the cheapest."""
        return "flip" if self.tta == "auto" else self.tta

    @property
    def ensemble_choices(self) -> str:
        """All that decides how the ensemble is built from the results."""
        names = ("top_k", "pool", "method", "tta", "crf", "soup", "ensemble_size")
        folds = "" if self.folds is None else f" folds={self.folds}"
        return " ".join(f"{name}={getattr(self, name)}" for name in names) + folds

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
        default = min(self.epochs, max(3, round(self.epochs / self.reduction_factor**3)))
        return self.grace_period if self.grace_period is not None else default

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
            None if self.pseudo is None else str(Path(self.pseudo).absolute()),
        )

    @property
    def tracking(self) -> str:
        """Absolute MLflow tracking URI; refused with `BadInput` if MLflow takes no such address."""
        return tracking_address(self.tracking_uri, Path(self.out))
