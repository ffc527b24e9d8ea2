"""What is done with a mutated folder: what the verbs do with it. BadInput, or everything is as it should be."""

import os
from pathlib import Path

import numpy as np
import torch

from experiments.verbs.data_check import print_check
from experiments.verbs.submission_check import print_verdict
from trashseg_core.augment.object_bank import open_bank
from trashseg_core.data.dataset import open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.label_maps import paint
from trashseg_core.errors import BadInput
from trashseg_core.inference.predict_files import find_photos
from trashseg_core.submission_scores import read_truth
from tests.tiny import tiny_config

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
torch.set_num_threads(1)


def judge_coco(folder: Path, scratch: Path, number: int) -> None:
    """Check a data folder as `check` does, then read it as a training, `predict` and `stability` do."""
    data = DataFolder(str(folder), skip_bad=number % 2 == 1)
    refused = None
    try:
        print_check(data, list_all=True, skip_bad=data.skip_bad)
    except BadInput as error:
        refused = error
    for split in ("train", "val"):
        try:
            found = data.read(split)
        except BadInput:
            assert refused is not None, f"`check` is content, but {split} cannot be read"
            continue
        labels, names = data.labels(found)
        for photo in found.photos:
            label_map = paint(found.annotations[photo.id], labels, photo.height, photo.width)
            assert label_map.dtype == np.uint8 and label_map.shape == (photo.height, photo.width)
            assert ((label_map < len(names)) | (label_map == 255)).all()
    for act in (
        lambda: read_truth(folder / "val.json"),
        lambda: find_photos(folder / "test.json", scratch / "out"),
        lambda: open_data(data, tiny_config(image_size=32)),
        lambda: open_bank(data, 32),
    ):
        try:
            act()
        except BadInput:
            pass
    if refused is not None:
        raise refused
