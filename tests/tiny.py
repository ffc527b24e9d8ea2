"""Tiny parts for tests: a config, a network, COCO documents and a list of reports."""

import json
import os
import shutil
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from experiments.settings import SearchSettings
from trashseg_core.config import TrialConfig
from trashseg_core.models import Network

FASTEST = {
    "encoder_name": "tu-mobilenetv3_small_050",
    "encoder_weights": "none",
    "decoder_name": "linknet",
    "image_size": 64,
    "batch_size": 4,
    "epochs": 2,
    "precision": "fp32",
}


def tiny_config(**overrides: Any) -> TrialConfig:
    """The fastest configuration that trains a real encoder and decoder, with fields replaced."""
    return TrialConfig(**{**FASTEST, **overrides})


def tiny_shapes(config: TrialConfig, num_classes: int) -> dict[str, tuple[int, ...]]:
    """Stands in for `weight_shapes`, of `tiny_network`."""
    return {key: tuple(value.shape) for key, value in tiny_network(config, num_classes).model.state_dict().items()}


def tiny_network(config: TrialConfig, num_classes: int, pretrained: bool = True) -> Network:
    """Stands in for `build_model`: two 1 x 1 convolutions with BatchNorm and dropout between them."""
    layers = (nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(8, num_classes, 1))
    return Network(nn.Sequential(*layers), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass
class Reports:
    """A `report` callable that keeps the metrics and a copy of each checkpoint folder."""

    folder: Path
    metrics: list[dict[str, float]] = field(default_factory=list)
    checkpoints: list[Path] = field(default_factory=list)

    def __call__(self, metrics: dict[str, float], checkpoint: Path) -> None:
        """Keep one epoch."""
        kept = self.folder / f"report_{len(self.metrics):03d}"
        shutil.copytree(checkpoint, kept)
        self.metrics.append(dict(metrics))
        self.checkpoints.append(kept)


def coco(**replaced: Any) -> dict[str, Any]:
    """A valid COCO document of one 40 x 30 photo with one square, with top-level keys replaced."""
    return {
        "images": [{"id": 0, "file_name": "a.png", "height": 30, "width": 40}],
        "categories": [{"id": 1, "name": "paper"}, {"id": 2, "name": "metal"}],
        "annotations": [annotation()],
        **replaced,
    }


def annotation(image_id: int = 0, category_id: int = 1, **replaced: Any) -> dict[str, Any]:
    """A valid annotation: the square from (2, 2) to (10, 10)."""
    square = [[2, 2, 10, 2, 10, 10, 2, 10]]
    entry = {"id": 0, "image_id": image_id, "category_id": category_id, "segmentation": square, "area": 64}
    return {**entry, "iscrowd": 0, **replaced}


def write_photo(path: Path, height: int = 30, width: int = 40, seed: int = 0) -> np.ndarray:
    """Write a PNG of random blocks; return its pixels, uint8 (height, width, 3), RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 256, (height // 2 + 1, width // 2 + 1, 3), dtype=np.uint8)
    rgb = np.ascontiguousarray(blocks.repeat(2, axis=0).repeat(2, axis=1)[:height, :width])
    assert cv2.imwrite(str(path), rgb[..., ::-1])
    return rgb


def settings_of(run: Path, trials: int, epochs: int, **chosen: Any) -> SearchSettings:
    """Settings of a search in a run folder whose trainable reads no photos; two trials share a CPU."""
    place = {"data": "none", "space": "quick", "name": run.name, "out": str(run.parent)}
    return SearchSettings(**place, trials=trials, epochs=epochs, cpus_per_trial=0.5, **chosen)


def write_folder(folder: Path, sizes: dict[str, list[tuple[int, int]]]) -> Path:
    """Write a data folder with photos of the given (height, width) per split, named `<split>/<number>.png`."""
    for split, shapes in sizes.items():
        images, annotations = [], []
        for number, (height, width) in enumerate(shapes):
            name = f"{split}/{number}.png"
            write_photo(folder / name, height, width, seed=hash_of(split, number))
            images.append({"id": number, "file_name": name, "height": height, "width": width})
            annotations.append(annotation(number, 1 + number % 2))
        document = coco(images=images, annotations=annotations)
        (folder / f"{split}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def listing(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything in a folder: kind, length, time and content of each entry, and the time of each folder."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        content = (
            sha256(path.read_bytes()).hexdigest()
            if path.is_file() and not path.is_symlink() and status.st_size < 10**9
            else None
        )
        target = os.readlink(path) if path.is_symlink() else None
        found[str(path.relative_to(folder))] = status.st_mode, status.st_size, status.st_mtime_ns, content, target
    return found


def hash_of(split: str, number: int) -> int:
    """A seed of its own for each photo."""
    return number + 1000 * ("train", "val", "test").index(split)


def equal_weights(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two state dicts hold the same keys and bit-identical tensors."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
