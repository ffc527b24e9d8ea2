"""Scoring a network on a split: whole photos at their own size."""

from pathlib import Path

import numpy as np
import torch

from tests.tiny import tiny_config, write_folder
from trashseg_core.confusion import count_confusion
from trashseg_core.data.dataset import open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.inference.scoring import score
from trashseg_core.losses import build_loss
from trashseg_core.models import Network


class Bright(torch.nn.Module):
    """Calls a pixel class 1 where it is bright, else background; sees where the padding is."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat([-images[:, :1], images[:, :1], torch.full_like(images[:, :1], -99)], dim=1)


def test_scores_count_whole_native_photos_and_no_padding(tmp_path: Path) -> None:
    """Photos of 30 x 40 and 200 x 100 px: each counts its own pixels, in one matrix over the split."""
    data = DataFolder(str(write_folder(tmp_path, {"train": [(30, 40)], "val": [(30, 40), (200, 100)]})))
    val = open_data(data, tiny_config()).val
    network = Network(Bright(), (0.5,) * 3, (0.5,) * 3)
    confusions, _ = score(network, tiny_config(), val, build_loss(tiny_config()))
    assert confusions.sum(axis=(1, 2)).tolist() == [30 * 40, 200 * 100]
    for index in range(2):
        height, width = val.extent(index)
        red = torch.from_numpy(np.array(val.images[index][:height, :width, 0])).float() / 127.5 - 1
        native = torch.nn.functional.interpolate(red[None, None], val.truth(index).shape, mode="bilinear")[0, 0]
        expected = count_confusion(val.truth(index), (native > 0).numpy().astype(np.uint8), 3)
        differing = np.abs(confusions[index] - expected).sum() / 2  # pixels on the edge of a tie, by rounding
        assert differing <= 0.001 * expected.sum()
