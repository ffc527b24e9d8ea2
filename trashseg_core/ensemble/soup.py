"""Model soups: the mean of the weights of trials of one initialisation (Wortsman et al., ICML 2022)."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from trashseg_core.checkpoint import (
    WEIGHTS,
    load_weights,
    read_config,
    read_weights,
    write_weights,
)
from trashseg_core.config import TrialConfig
from trashseg_core.confusion import miou
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.disk.files import atomic_folder, read_json, write_json
from trashseg_core.hardware import device
from trashseg_core.inference.scoring import refresh_statistics, score
from trashseg_core.losses import build_loss
from trashseg_core.models import build_model

RECIPE = "soup.json"


@dataclass(frozen=True)
class Soup:
    """A checkpoint folder whose weights are the mean of several checkpoints'."""

    folder: Path
    ingredients: list[str]
    """Trial ids, the best first; a single one is no soup."""
    val_miou: float
    tried: list[str]
    """Trial ids of all that could have been taken."""


def initialisation(config: TrialConfig) -> tuple[object, ...] | None:
    """What the network of a config starts from; None where nothing was pretrained, so that a mean means nothing.

    `train` seeds torch with `config.seed` and then builds the network from exactly these fields: where they are equal,
    every tensor is equal before the first step, the decoder's random ones included.
    """
    if config.encoder_weights == "none":
        return None
    head = config.presence_weight > 0
    names = (config.encoder_name, config.encoder_weights, config.decoder_name, config.decoder_width)
    return (*names, head, config.seed)


def soup_groups(checkpoints: dict[str, Path]) -> list[list[str]]:
    """Trial ids of same architecture and initialisation, two or more together, in the order given."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for trial_id, checkpoint in checkpoints.items():
        start = initialisation(read_config(checkpoint))
        if start is not None:
            groups.setdefault(start, []).append(trial_id)
    return [group for group in groups.values() if len(group) > 1]


def average_weights(weights: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of every float tensor, BatchNorm statistics included, summed in float64; the first's integer counters.

    Raises:
        ValueError: the models do not hold the same tensors.
    """
    for other in weights[1:]:
        if {name: one.shape for name, one in other.items()} != {name: one.shape for name, one in weights[0].items()}:
            raise ValueError("Weights of different architectures have no mean.")
    return {
        name: torch.stack([one[name].double() for one in weights]).mean(dim=0).to(first.dtype)
        if first.is_floating_point()
        else first.clone()
        for name, first in weights[0].items()
    }


def cook(
    group: list[str], checkpoints: dict[str, Path], scores: dict[str, float], data: DataFolder, folder: Path
) -> Soup:
    """Greedy soup: from the best trial on, take each into the mean that does not lower val mIoU.

    BatchNorm statistics are computed anew on train before each look. A soup that is there already is not cooked again.

    Args:
        group: ids of one of `soup_groups`.
        scores: val mIoU of each trial.
        folder: where the soup's folder is made.
    """
    order = sorted(group, key=lambda trial_id: -scores[trial_id])
    digest = hashlib.sha256(b"".join((checkpoints[one] / WEIGHTS).read_bytes() for one in order)).hexdigest()
    path = folder / f"soup-{digest[:12]}"
    if not path.is_dir():
        with atomic_folder(path) as temporary:
            taken, reached = _taste(order, checkpoints, scores[order[0]], data, temporary)
            write_json(temporary / RECIPE, {"ingredients": taken, "val_miou": reached})
    recipe = read_json(path / RECIPE)
    return Soup(path, recipe["ingredients"], recipe["val_miou"], order)


def _taste(
    order: list[str], checkpoints: dict[str, Path], reached: float, data: DataFolder, target: Path
) -> tuple[list[str], float]:
    """Take ingredients one by one, and write the weights of the best soup into `target`."""
    config = read_config(checkpoints[order[0]])
    train, val = (open_split(data, split, config.predict_size) for split in ("train", "val"))
    loss = build_loss(config)
    taken = order[:1]
    for trial_id in order[1:]:
        mixed = average_weights([read_weights(checkpoints[one] / WEIGHTS) for one in (*taken, trial_id)])
        network = build_model(config, val.num_classes, pretrained=False)
        load_weights(network.model, mixed, checkpoints[trial_id] / WEIGHTS)
        network = network.to(device())
        refresh_statistics(network, config, train)
        tasted = float(miou(score(network.eval(), config, val, loss)[0].sum(axis=0)))
        if tasted >= reached:
            taken, reached = [*taken, trial_id], tasted
            write_weights(target, config, network.model)
    return taken, reached
