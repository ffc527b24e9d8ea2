"""Several ranks train the model that one process would, and end together."""

from pathlib import Path

import pytest
import torch

from tests.ranks_world import SCENARIOS, config_of, run_world, train_all, train_scenario
from tests.tiny import Reports, tiny_config
from trashseg_core.checkpoint import read_confusions, read_state, read_weights
from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput
from trashseg_core.training.shares import check_share

TOLERANCE = 2e-5
"""Sums in another order, in fp32, over three epochs."""
TIMES = {"images_per_s", "epoch_s", "peak_memory_mb", "val_s_per_image"}


@pytest.fixture(scope="module")
def world(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders that two processes left, one for each scenario and rank."""
    folder = tmp_path_factory.mktemp("world")
    train_scenario("plain", sample_folder, lambda metrics, checkpoint: None)  # the cache
    assert run_world(2, train_all, folder, sample_folder) == [0, 0]
    return folder


def alone(scenario: str, sample_folder: Path, folder: Path) -> Reports:
    """What one process reports."""
    reports = Reports(folder)
    train_scenario(scenario, sample_folder, reports)
    return reports


@pytest.mark.slow
@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_two_ranks_train_the_model_that_one_would(
    scenario: str, world: Path, sample_folder: Path, tmp_path: Path
) -> None:
    reports = alone(scenario, sample_folder, tmp_path)
    folders = sorted((world / f"{scenario}_0").iterdir())
    assert len(folders) == len(reports.checkpoints) == config_of(scenario).epochs
    for one, other in zip(folders, reports.checkpoints, strict=True):
        metrics, expected = read_state(one)["metrics"], read_state(other)["metrics"]
        assert metrics.keys() == expected.keys()
        for name in metrics.keys() - TIMES:
            assert metrics[name] == pytest.approx(expected[name], abs=1e-3 if "iou" in name else TOLERANCE), name
        weights, expected_weights = (read_weights(folder / "model.safetensors") for folder in (one, other))
        for name, values in weights.items():
            torch.testing.assert_close(values, expected_weights[name], atol=TOLERANCE, rtol=TOLERANCE, msg=name)
        assert read_confusions(one).per_image.sum() == read_confusions(other).per_image.sum()


@pytest.mark.slow
def test_ranks_go_on_from_a_checkpoint_to_the_same_numbers(world: Path) -> None:
    calm, resumed = (sorted((world / name).iterdir()) for name in ("plain_0", "resumed_0"))
    assert len(resumed) == len(calm) - 1
    for one, other in zip(resumed, calm[1:], strict=True):
        weights, expected = (read_weights(folder / "model.safetensors") for folder in (one, other))
        assert all(torch.equal(weights[name], expected[name]) for name in expected)


@pytest.mark.slow
def test_when_the_first_rank_is_stopped_the_others_end_with_it(world: Path) -> None:
    assert len(list((world / "stopped_0").iterdir())) == 2
    assert not list(world.glob("not_stopped_*"))


@pytest.mark.parametrize(
    ("fields", "workers"), [({"batch_size": 6}, 4), ({"batch_size": 8, "accumulation": 4}, 4)], ids=["batch", "parts"]
)
def test_a_batch_that_cannot_be_shared_evenly_is_refused(fields: dict[str, int], workers: int) -> None:
    with pytest.raises(BadInput, match="`batch_size` is .*, which 4 workers.* cannot share evenly. Take a multiple"):
        check_share(tiny_config(**fields), workers)


def test_compiling_is_refused_for_several_workers() -> None:
    check_share(TrialConfig(compile=True), 1)
    with pytest.raises(BadInput, match="`compile` works with one worker only"):
        check_share(TrialConfig(compile=True), 2)
