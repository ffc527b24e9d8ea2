"""The Ray worker's side of a trial, without Ray."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import trainable
from experiments.checkpoints.disk_budget import DiskBudget
from experiments.limits import Limits
from experiments.recorder import FAILURE
from experiments.trainable import TrialJob
from tests.tiny import tiny_config
from trashseg_core.data.folder import DataFolder
from trashseg_core.models import build_model, parameters_m


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is reported to Ray; a training is noted instead of made."""
    rows: list[dict[str, Any]] = []
    resources = SimpleNamespace(bundles=[{"CPU": 1.0}])
    context = SimpleNamespace(get_trial_resources=lambda: resources)
    monkeypatch.setattr(trainable.tune, "get_context", lambda: context)
    monkeypatch.setattr(trainable.tune, "report", rows.append)
    monkeypatch.setattr(trainable, "train", lambda *_, **__: rows.append({"trained": True}))
    return rows


@pytest.mark.parametrize("limit", [None, 0.01, 1000.0])
def test_a_network_above_the_limit_ends_before_it_is_trained(
    tmp_path: Path, sample_folder: Path, reported: list[dict[str, Any]], limit: float | None
) -> None:
    job = TrialJob(DataFolder(str(sample_folder)), str(tmp_path), "val_miou", Limits(max_parameters_m=limit))
    trainable._train(job, tmp_path / "t0000", tiny_config(), DiskBudget(tmp_path, "t0000", None))
    if limit == 0.01:
        assert reported[0][FAILURE].startswith("infeasible: parameters_m is ")
        assert reported[0]["parameters_m"] > 0.01 and len(reported) == 1
    else:
        assert reported == [{"trained": True}]


@pytest.mark.parametrize("overrides", [{}, {"presence_weight": 0.5}, {"decoder_name": "fpn", "decoder_width": 0.5}])
def test_weights_are_counted_without_making_them(overrides: dict[str, Any]) -> None:
    config = tiny_config(**overrides)
    assert parameters_m(config, 7) == build_model(config, 7).parameters_m > 0
