"""The ensemble of a search: its best trials' checkpoints, weighted by what they are worth together on val."""

import shutil
import time
from pathlib import Path

from experiments.keeper import with_weights
from experiments.results import candidates, rank, read_results
from experiments.terminal import progress_line
from trashseg_core import __version__
from trashseg_core.checkpoint import Confusions, read_config
from trashseg_core.confusion import miou
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.bundle import Ensemble, Member, write_ensemble
from trashseg_core.ensemble.probabilities import find_disagreement, predict_candidate
from trashseg_core.ensemble.select import crossfit_confusions, ensemble_confusions, select_greedily
from trashseg_core.errors import BadInput
from trashseg_core.networks.pretrained import normalisation

KEPT_BYTES = 2_000_000_000
"""Predictions up to this size stay for the next `ensemble`; larger ones are removed when it is built."""


def build_ensemble(folder: Path, data: DataFolder, top_k: int, objective: str, search_name: str) -> Ensemble:
    """Hop 2: predict val with each candidate, choose greedily, write `ensemble/`.

    Raises:
        BadInput: no trial left a checkpoint.
    """
    ranked = rank(read_results(folder / "results.json"), objective)
    chosen = candidates(with_weights(ranked, folder), top_k)
    checkpoints = [folder / str(result.checkpoint) for result in chosen]
    configs = [read_config(checkpoint) for checkpoint in checkpoints]
    val = open_split(data, "val", configs[0].predict_size)
    store = folder / "predictions"
    needed = sum(len(val) * val.num_classes * config.predict_size**2 * 2 for config in configs)
    check_space_left(store, needed)
    show = progress_line("candidates predicted")
    files = []
    for number, checkpoint in enumerate(checkpoints, 1):
        files.append(predict_candidate(checkpoint, data, store, val.num_classes))
        show(number, len(checkpoints))
    pixels = find_disagreement(
        files, [config.predict_size for config in configs], data, progress_line("photos compared")
    )
    selection = select_greedily(pixels)
    weights = selection.weights(len(chosen))
    labels, _ = data.labels(data.read("val"))
    members = [
        Member(result.trial_id, float(weight), config.predict_size, *map(list, normalisation(config)))
        for result, config, weight in zip(chosen, configs, weights, strict=True)
        if weight > 0
    ]
    ensemble = Ensemble(
        members=members,
        class_names=val.class_names,
        categories={str(category): label for category, label in labels.items()},
        val_miou=selection.scores[-1],
        val_miou_crossfit=float(miou(crossfit_confusions(pixels).sum(axis=0))),
        steps=[
            {"added": chosen[pick].trial_id, "val_miou": score}
            for pick, score in zip(selection.picks, selection.scores, strict=True)
        ],
        provenance={
            "search": search_name,
            "candidates": [result.trial_id for result in chosen],
            "data": val.key,
            "version": __version__,
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        },
    )
    sources = {result.trial_id: path for result, path in zip(chosen, checkpoints, strict=True)}
    scored = Confusions(ensemble_confusions(pixels, weights), val.file_names, val.class_names)
    write_ensemble(folder / "ensemble", ensemble, sources, scored)
    if needed > KEPT_BYTES:
        shutil.rmtree(store, ignore_errors=True)
    return ensemble


def check_space_left(store: Path, needed: int) -> None:
    """Refuse to fill the disk with predictions.

    Args:
        needed: bytes that the candidates' logits take.

    Raises:
        BadInput: there is less room, with what to do.
    """
    stored = sum(path.stat().st_size for path in store.rglob("*.npy")) if store.is_dir() else 0
    free = shutil.disk_usage(store.parent).free
    if needed - stored > 0.9 * free:
        raise BadInput(
            f"{store}: the candidates' predictions take {needed / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free. "
            "Make room, or choose a smaller `--top-k`."
        )
