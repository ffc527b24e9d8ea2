"""The CRF as a step: it takes what the mixtures of an ensemble give."""

from pathlib import Path

import numpy as np

from tests.candidates import store
from tests.tiny import write_folder
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble.crf_step import with_crf
from trashseg_core.ensemble.grid import open_grid
from trashseg_core.ensemble.scoring import Mixture
from trashseg_core.ensemble.steps import Candidates, Plan
from trashseg_core.inference.crf_settings import CrfSettings


def test_pixels_at_which_no_member_is_heard_are_refined_like_others(tmp_path: Path) -> None:
    data = DataFolder(str(write_folder(tmp_path / "data", {"val": [(20, 24), (16, 16)]})))
    split = open_split(data, "val", 64)
    grid = open_grid(split)
    planes = [np.zeros((3, grid.truth.size), np.uint8) for _ in range(2)]
    for sure_of, one in enumerate(planes):
        one[sure_of] = 255
    predictions = {(number, "none"): one for number, one in enumerate(store(tmp_path / "store", grid, planes))}
    mixture = Mixture(np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5]]), np.zeros(3))
    views = ("none", "none")
    plan = Plan(mixture, [mixture] * 2, views, [views] * 2)
    outcome = with_crf(Candidates(predictions, grid, np.arange(2)), plan, data, split, CrfSettings(iterations=2))
    assert outcome.held_out[:, :, 0].sum() == outcome.held_out.sum() == (grid.truth != 255).sum()
