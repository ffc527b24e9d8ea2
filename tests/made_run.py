"""Run folders and searches that nobody ran, for the report's tests."""

from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, distribution_to_json
from PIL import Image

from experiments.journal import Journal
from experiments.manifest import Manifest
from experiments.results import TrialResult, rank, result_of, write_results
from experiments.run_folder import RunFolder
from experiments.settings import SearchSettings
from trashseg_core import __version__
from trashseg_core.checkpoint import CONFUSIONS
from trashseg_core.confusion import class_slugs
from trashseg_core.disk.files import write_json
from trashseg_core.ensemble.bundle import Ensemble, Member

NAMES = ["Background", "Paper", "Battery"]


def make_run(
    folder: Path,
    trials: list[tuple[str, list[float]]],
    error: str = "it broke",
    names: Any = NAMES,
    configs: list[dict[str, Any]] | None = None,
    per_class: bool = False,
    num_scored: int = 99,
) -> Path:
    """Write a run folder as a search leaves it: (status, objective per epoch) of each trial.

    Args:
        per_class: report the IoU of each class too: 0.9 of the background, the augmix ratio of Paper, 0 of Battery.
        num_scored: trials that have confusion matrices.
    """
    folder.mkdir()
    journal = Journal(folder / "journal.jsonl")
    rng = np.random.default_rng(0)
    fixed = {"epochs": 9} if configs else {"encoder_name": "tu-resnet18", "epochs": 3}
    plain = [{"lr": 0.1 / 10**number, "loss_mix": ("dice", "ce")[number % 2]} for number in range(len(trials))]
    configs = configs or plain
    kinds = distributions_of(configs)
    for number, ((status, scores), config) in enumerate(zip(trials, configs, strict=True)):
        drawn = {name: kinds[name] for name in config}
        key = journal.add_trial(config, drawn, {**fixed, **config}).key
        for epoch, score in enumerate(scores, 1):
            metrics = {"val_miou": score, "val_miou_low": score - 0.05, "epoch_s": 2.0}
            if per_class:
                found = (0.9, config["augmix_ratio"] * score, 0.0)
                metrics |= {f"iou_{slug}": one for slug, one in zip(class_slugs(names), found, strict=True)}
            journal.add_epoch(key, epoch, metrics)
        journal.end_trial(key, status, error if status == "failed" else None)
        if scores and number < num_scored:
            path = folder / f"trials/{key}/epoch_{1 + int(np.argmax(scores)):04d}"
            path.mkdir(parents=True)
            per_image = rng.integers(1, 100, (8, 3, 3)) + 300 * np.eye(3, dtype=np.int64)
            np.savez(
                path / CONFUSIONS, per_image=per_image, file_names=[f"{i}.jpg" for i in range(8)], class_names=names
            )
    journal.close()
    results = [result_of(record, "val_miou", folder) for record in journal.trials.values()]
    write_results(folder / "results.json", rank(results, "val_miou"))
    return folder


def add_ensemble(folder: Path, text: str) -> None:
    """Write an `ensemble.json` of two members; the report reads nothing else of the folder."""
    members = [Member(trial, weight, 64, [0.5] * 3, [0.5] * 3) for trial, weight in (("t0000", 0.75), ("t0001", 0.25))]
    steps = [{"added": "t0000", "val_miou": 0.61}, {"added": "t0001", "val_miou": 0.6234}]
    ensemble = Ensemble(members, NAMES, {"1": 1, "2": 2}, 0.6234, 0.6123, steps, {"search": text})
    (folder / "ensemble").mkdir()
    write_json(
        folder / "ensemble" / "ensemble.json", ensemble.__dict__ | {"members": [one.__dict__ for one in members]}
    )


def full_run(folder: Path, text: str) -> Path:
    """Write a run of four trials with an ensemble, a manifest and a picture; `text` stands wherever a user's can."""
    trials = [("finished", [0.3, 0.5, 0.6]), ("finished", [0.2, 0.4, 0.3]), ("stopped", [0.1]), ("failed", [])]
    make_run(folder, trials, error=f"RuntimeError: {text}", names=["Background", "Paper", text])
    add_ensemble(folder, text)
    settings = {"name": "trash", "data": text, "tracking_uri": "postgresql://me:geheim@db/mlflow", "set": ["lr=1"]}
    write_json(folder / "manifest.json", {"schema": 1, "settings": settings, "version": "1"})
    (folder / "overlays").mkdir()
    Image.new("RGB", (40, 10), (0, 200, 0)).save(folder / "overlays" / "01_<b>.png")
    return folder


def run_of(results: list[TrialResult] | None = None, **parts: Any) -> RunFolder:
    """A run folder in memory; what is not given is not there."""
    empty: dict[str, Any] = {name: {} for name in ("records", "manifest", "intervals", "confusions")}
    given = {"path": Path("run"), "objective": "val_miou", "ensemble": None, "search": None, **empty, **parts}
    return RunFolder(results=results or [], **given)


RUNGS = (2, 4)
"""Of `made_search`, whose full length is 9."""
NUMBER = FloatDistribution(0.0, 1.0)
ENCODERS = {"tu-resnet18": 0.0, "mit_b0": 0.2}
"""What each adds to the score."""


def made_search(folder: Path, num_trials: int = 20, encoders: tuple[str, ...] = tuple(ENCODERS)) -> Path:
    """Write a search in which mit_b0 and augmix are good for the score, and augmix for Paper.

    Every fourth trial runs through, the others are stopped at one of the rungs, the last one failed. Battery is never
    found. Only the first five have confusion matrices.
    """
    rng = np.random.default_rng(0)
    trials: list[tuple[str, list[float]]] = []
    configs: list[dict[str, Any]] = []
    for number in range(num_trials):
        encoder, ratio = encoders[number % len(encoders)], round(float(rng.uniform()), 1)
        configs.append({"encoder_name": encoder, "augmix_ratio": ratio, "lr": float(10 ** rng.uniform(-4, -2))})
        if number % 2:
            configs[-1] |= {"loss_mix": "weights", "loss_ce": 0.25, "loss_dice": 0.75}
        top = 0.3 + ENCODERS.get(encoder, 0.0) + 0.3 * ratio + float(rng.normal(0, 0.01))
        length = 9 if number % 4 == 0 else RUNGS[number % 2]
        status = "failed" if number == num_trials - 1 else "finished" if length == 9 else "stopped"
        trials.append((status, [top * (1 - 0.8**epoch) for epoch in range(1, length + 1)]))
    make_run(folder, trials, configs=configs, per_class=True, num_scored=5)
    settings = SearchSettings(
        data="data",
        space="quick",
        name=folder.name,
        out=str(folder.parent),
        epochs=9,
        grace_period=2,
        reduction_factor=2,
    )
    Manifest(settings, __version__, {}, {}).write(folder)
    return folder


def distributions_of(configs: list[dict[str, Any]]) -> dict[str, str]:
    """What the values of a search's trials were drawn from: the choices that there are, or a range of numbers."""
    values = {name: [one[name] for one in configs if name in one] for config in configs for name in config}
    return {
        name: distribution_to_json(CategoricalDistribution(sorted(set(some))) if type(some[0]) is str else NUMBER)
        for name, some in values.items()
    }
