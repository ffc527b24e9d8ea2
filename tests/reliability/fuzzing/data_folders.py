"""fuzz-coco: a data folder of tiny photos whose annotation files are mutated."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pycocotools import mask as coco_mask

from experiments.verbs.data_check import print_check
from tests.reliability.fuzzing.case import Case, each_of
from tests.reliability.fuzzing.json_mutations import mutated_json
from tests.tiny import tiny_config, write_photo
from trashseg_core.augment.object_bank import open_bank
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.inference.predict_files import find_photos
from trashseg_core.submission_scores import read_truth

SPLITS = {"train": 3, "val": 2, "test": 2}
HEIGHT, WIDTH = 24, 32


def make_data_folder(folder: Path) -> None:
    """Write three splits with every kind of segmentation."""
    for number, (split, count) in enumerate(SPLITS.items()):
        images, annotations = [], list[dict[str, Any]]()
        for index in range(count):
            name = f"{split}/{index}.png"
            write_photo(folder / name, HEIGHT, WIDTH, seed=10 * number + index)
            images.append({"id": index, "file_name": name, "height": HEIGHT, "width": WIDTH, "license": None})
            for segmentation in segmentations(index):
                entry = {"id": len(annotations), "image_id": index, "category_id": 2 + len(annotations) % 3}
                entry |= {"segmentation": segmentation, "area": 60.5 + index, "bbox": [2, 2, 8, 8]}
                annotations.append(entry | {"iscrowd": int(isinstance(segmentation, dict))})
        categories = [{"id": 2 + label, "name": text} for label, text in enumerate(("paper", "metal", "Plastic bag"))]
        document = {"info": {"year": 2026}, "images": images, "categories": categories, "annotations": annotations}
        (folder / f"{split}.json").write_text(json.dumps(document), encoding="utf-8")


def segmentations(index: int) -> list[Any]:
    """One polygon, two polygons, run lengths as numbers and as text."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[3 + index : 12, 5:20] = 1
    runs = np.flatnonzero(np.diff(mask.T.ravel(), prepend=0, append=2))
    counts = np.diff(np.concatenate([[0], runs])).tolist()
    text = coco_mask.encode(np.asfortranarray(mask))["counts"].decode()
    size = [HEIGHT, WIDTH]
    square = [2, 2, 14.5, 2, 14, 12, 2, 12]
    triangle = [20, 4.25, 30, 4, 25, 16]
    return [[square], [triangle, square], {"size": size, "counts": counts}, {"size": size, "counts": text}]


def coco_cases(valid: Path) -> SearchStrategy[Case]:
    """One of the three annotation files mutated, rarely two of them."""
    documents = {f"{split}.json": json.loads((valid / f"{split}.json").read_text()) for split in SPLITS}

    @st.composite
    def case(draw: DrawFn) -> Case:
        names = draw(
            st.sampled_from((["train.json"], ["train.json"], ["val.json"], ["test.json"], ["train.json", "val.json"]))
        )
        files, told = dict[str, bytes | None](), []
        for name in names:
            files[name], done = draw(mutated_json(documents[name]))
            told.append(f"{name}: {done}")
        return Case(files, "; ".join(told))

    return case()


def judge_data_folder(folder: Path, scratch: Path, number: int, changed: Collection[str]) -> None:
    """Check it as `check` does, then read it as a training, `predict` and `stability` do."""
    data = DataFolder(str(folder), skip_bad=number % 2 == 1)
    each_of(
        lambda: print_check(data, list_all=True, skip_bad=data.skip_bad),
        lambda: judge_caches(open_data(data, tiny_config(image_size=32))),
        lambda: open_bank(data, 32),
        lambda: read_truth(folder / "val.json"),
        lambda: find_photos(folder / "test.json", scratch / "out"),
    )


def judge_caches(data: TrainingData) -> None:
    """Hold the label maps to their contract."""
    for split in (data.train, data.val):
        assert split.native.dtype == split.labels.dtype == np.uint8
        assert len(split) == len(split.images) == len(split.labels) > 0
        for labels in (split.native, split.labels):
            assert ((labels < split.num_classes) | (labels == 255)).all()
