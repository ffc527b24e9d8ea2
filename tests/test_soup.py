"""A soup is the true mean of models that started from the same weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.pool import _soups
from tests.test_ensemble import checkpoint
from tests.tiny import tiny_config, write_folder
from trashseg_core.checkpoint import read_config, read_network, read_weights, write_weights
from trashseg_core.data.cache import open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.ensemble import soup
from trashseg_core.ensemble.evidence import Evidence
from trashseg_core.ensemble.soup import average_weights, cook, initialisation, soup_groups
from trashseg_core.inference.scoring import score
from trashseg_core.losses import build_loss
from trashseg_core.models import build_model


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    sizes = {"train": [(40, 40)] * 6, "val": [(30, 40), (64, 64), (50, 20)]}
    return DataFolder(str(write_folder(tmp_path_factory.mktemp("data"), sizes)))


def pretrained(path: Path) -> Path:
    """Say of a checkpoint that it grew from ImageNet's weights."""
    config = replace(read_config(path), encoder_weights="imagenet", seed=0)
    write_weights(path, config, read_network(path, read_config(path), 3).model)
    return path


@pytest.fixture
def checkpoints(tmp_path: Path) -> dict[str, Path]:
    return {f"t000{number}": pretrained(checkpoint(tmp_path / str(number), number)) for number in range(3)}


def test_every_float_tensor_is_the_mean_batchnorm_statistics_included() -> None:
    models = []
    for seed in range(3):
        torch.manual_seed(seed)
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
        model.train()(torch.randn(4, 3, 5, 5) * (seed + 1))
        models.append(model.state_dict())
    mean = average_weights(models)
    assert mean.keys() == models[0].keys()
    for name in ("0.weight", "0.bias", "1.weight", "1.running_mean", "1.running_var"):
        torch.testing.assert_close(mean[name], (models[0][name] + models[1][name] + models[2][name]) / 3)
        assert mean[name].dtype == models[0][name].dtype
    assert not torch.equal(mean["1.running_var"], models[0]["1.running_var"])
    assert mean["1.num_batches_tracked"] == 1


def test_models_of_other_shapes_have_no_mean() -> None:
    with pytest.raises(ValueError, match="different architectures"):
        average_weights([{"a": torch.zeros(2)}, {"a": torch.zeros(3)}])


def test_configs_of_one_initialisation_build_equal_networks() -> None:
    """Whatever else differs; this is what `soup_groups` relies on."""
    one = tiny_config(lr=1e-3, image_size=64, loss_mix="ce")
    other = replace(one, lr=3e-3, image_size=96, loss_mix="dice_ce", optimizer="madgrad", augmix_ratio=0.2)
    built = []
    for config in (one, other, replace(one, seed=1)):
        torch.manual_seed(config.seed)
        built.append(build_model(config, 3).state_dict())
    assert initialisation(replace(one, encoder_weights="imagenet")) == initialisation(
        replace(other, encoder_weights="imagenet")
    )
    assert all(torch.equal(built[0][name], built[1][name]) for name in built[0])
    assert not all(torch.equal(built[0][name], built[2][name]) for name in built[0])


@pytest.mark.parametrize("field", [{"seed": 1}, {"presence_weight": 0.1}, {"encoder_name": "tu-resnet18"}])
def test_another_start_or_architecture_is_another_group(field: dict[str, Any]) -> None:
    one = tiny_config(encoder_weights="imagenet")
    assert initialisation(one) != initialisation(replace(one, **field))
    assert initialisation(tiny_config()) is None


def test_groups_hold_two_or_more(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    scratch = checkpoint(tmp_path / "scratch", 5)
    assert soup_groups({**checkpoints, "t0009": scratch}) == [["t0000", "t0001", "t0002"]]
    assert soup_groups({"t0000": checkpoints["t0000"], "t0009": scratch}) == []


def test_a_soup_takes_what_does_not_lower_val_and_scores_what_it_says(
    checkpoints: dict[str, Path], data: DataFolder, tmp_path: Path
) -> None:
    made = cook(list(checkpoints), checkpoints, {"t0000": 0.0, "t0001": 0.3, "t0002": 0.1}, data, tmp_path / "soups")
    assert made.tried == ["t0001", "t0002", "t0000"] and made.ingredients[0] == "t0001"
    generous = dict.fromkeys(checkpoints, 0.0)
    made = cook(list(checkpoints), checkpoints, generous, data, tmp_path / "others")
    assert len(made.ingredients) > 1
    config = read_config(made.folder)
    val = open_split(data, "val", config.predict_size)
    scored = score(read_network(made.folder, config, 3), config, val, build_loss(config))[0].sum(axis=0)
    assert made.val_miou == pytest.approx(float(np.asarray(soup.miou(scored))), abs=1e-9)
    plain = average_weights([read_weights(checkpoints[one] / "model.safetensors") for one in made.ingredients])
    kept = read_weights(made.folder / "model.safetensors")
    running = [name for name in kept if name.endswith(("running_mean", "running_var"))]
    assert all(torch.equal(kept[name], plain[name]) for name in kept if "running" not in name and "tracked" not in name)
    assert any(not torch.equal(kept[name], plain[name]) for name in running)  # computed anew on train


def test_ingredients_that_lower_val_stay_out_and_a_soup_is_cooked_once(
    checkpoints: dict[str, Path], data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certain = {"t0000": 1.0, "t0001": 0.2, "t0002": 0.1}
    made = cook(list(checkpoints), checkpoints, certain, data, tmp_path)
    assert made.ingredients == ["t0000"] and made.val_miou == 1.0
    monkeypatch.setattr(soup, "score", None)  # a second look would fail
    assert cook(list(checkpoints), checkpoints, certain, data, tmp_path) == made


def test_a_soup_is_said_to_be_chosen_on_all_of_val(
    checkpoints: dict[str, Path], data: DataFolder, tmp_path: Path
) -> None:
    evidence = Evidence()
    (made,) = _soups(checkpoints, dict.fromkeys(checkpoints, 0.0), data, tmp_path, evidence)
    (row,) = evidence.rows
    assert row["name"] == made and "chosen on all of val" in row["why"] and "a little flattered" in row["why"]
