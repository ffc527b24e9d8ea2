"""An ensemble folder is read as it was written; a damaged one is refused."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny import tiny_config
from trashseg_core.checkpoint import Confusions, read_confusions, write_weights
from trashseg_core.ensemble.bundle import Ensemble, Member, read_ensemble, write_ensemble
from trashseg_core.ensemble.loading import load_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.models import build_model

HALF = [0.5, 0.5, 0.5]
NAMES = ["Background", "paper", "metal"]
SCORED = Confusions(np.arange(18).reshape(2, 3, 3), ["a.jpg", "b.jpg"], NAMES)
PHOTOS = {"val": [(30, 40), (64, 64), (50, 20)]}


def make(*members: tuple[str, float], **replaced: Any) -> Ensemble:
    listed = [Member(trial, weight, 64, HALF, HALF) for trial, weight in members]
    steps = [{"added": members[0][0], "val_miou": 0.5}]
    return replace(Ensemble(listed, NAMES, {"1": 1, "2": 2}, 0.5, 0.4, steps, {"search": "first"}), **replaced)


def checkpoint(folder: Path, seed: int, image_size: int = 64, num_classes: int = 3) -> Path:
    """Weights and config of a real network with random weights, scaled so that it is sure of its labels."""
    torch.manual_seed(seed)
    config = tiny_config(image_size=image_size, seed=seed)
    folder.mkdir(parents=True)
    model = build_model(config, num_classes).model
    with torch.no_grad():
        model.segmentation_head[0].weight *= 30
    write_weights(folder, config, model)
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two members of different image sizes."""
    root = tmp_path_factory.mktemp("checkpoints")
    return {"t0000": checkpoint(root / "a", 0, 64), "t0003": checkpoint(root / "b", 1, 96)}


@pytest.fixture
def bundle(tmp_path: Path, checkpoints: dict[str, Path]) -> Path:
    write_ensemble(tmp_path / "ensemble", make(("t0000", 0.75), ("t0003", 0.25)), checkpoints, SCORED)
    return tmp_path / "ensemble"


def edit(bundle: Path, **replaced: Any) -> Path:
    path = bundle / "ensemble.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **replaced}))
    return bundle


def members(*weights: float, trial_id: str = "t0000") -> list[dict[str, Any]]:
    return [{"trial_id": trial_id, "weight": one, "image_size": 64, "mean": HALF, "std": HALF} for one in weights]


def test_an_ensemble_reads_back_as_it_was_written(bundle: Path) -> None:
    assert read_ensemble(bundle) == make(("t0000", 0.75), ("t0003", 0.25))


def test_the_folder_holds_what_prediction_needs_and_its_score_on_val(bundle: Path) -> None:
    files = sorted(str(path.relative_to(bundle)) for path in bundle.rglob("*") if path.is_file())
    names = [f"members/{trial}/{name}" for trial in ("t0000", "t0003") for name in ("config.json", "model.safetensors")]
    assert files == ["checksums.json", "confusions.npz", "ensemble.json", *names]


def test_what_the_ensemble_scores_on_val_is_kept(bundle: Path) -> None:
    assert np.array_equal(read_confusions(bundle).per_image, SCORED.per_image)


def test_a_new_ensemble_takes_the_place_of_the_old_one(bundle: Path, checkpoints: dict[str, Path]) -> None:
    write_ensemble(bundle, make(("t0003", 1.0)), checkpoints, SCORED)
    assert [member.trial_id for member in read_ensemble(bundle).members] == ["t0003"]
    assert [path.name for path in (bundle / "members").iterdir()] == ["t0003"]


def test_an_ensemble_that_cannot_be_written_leaves_the_old_one(bundle: Path, checkpoints: dict[str, Path]) -> None:
    with pytest.raises(KeyError, match="t0009"):
        write_ensemble(bundle, make(("t0009", 1.0)), checkpoints, SCORED)
    assert len(read_ensemble(bundle).members) == 2
    assert list(bundle.parent.iterdir()) == [bundle]


NEW_FIELDS = ("class_offsets", "crf", "val_interval", "test_interval", "evidence")


def test_an_ensemble_of_schema_1_reads_with_settings_that_change_nothing(bundle: Path) -> None:
    document = json.loads((bundle / "ensemble.json").read_text())
    for name in NEW_FIELDS:
        del document[name]
    for member in document["members"]:
        del member["tta"], member["class_weights"]
    (bundle / "ensemble.json").write_text(json.dumps({**document, "schema": 1}))
    ensemble = read_ensemble(bundle)
    assert ensemble == make(("t0000", 0.75), ("t0003", 0.25))
    assert ensemble.member_weights().tolist() == [[0.75] * 3, [0.25] * 3]
    assert ensemble.offsets().tolist() == [0, 0, 0]


def test_everything_of_schema_2_reads_back(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    one, other = make(("t0000", 0.75), ("t0003", 0.25)).members
    listed = [replace(one, tta="flips", class_weights=[1, 0.5, 0.75]), replace(other, class_weights=[0, 0.5, 0.25])]
    evidence = [{"name": "offsets", "val_miou": 0.5, "held_out": 0.4, "kept": True, "why": "more held out"}]
    ensemble = make(
        ("t0000", 1.0),
        members=listed,
        class_offsets=[0.0, 0.5, -0.25],
        crf={"iterations": 5},
        val_interval=[0.3, 0.5],
        test_interval=[0.2, 0.6],
        evidence=evidence,
    )
    write_ensemble(tmp_path / "ensemble", ensemble, checkpoints)
    assert read_ensemble(tmp_path / "ensemble") == ensemble
    assert ensemble.member_weights().tolist() == [[1, 0.5, 0.75], [0, 0.5, 0.25]]
    assert ensemble.offsets().tolist() == [0, 0.5, -0.25]


@pytest.mark.parametrize("schema", [4, None, "1"])
def test_an_unknown_schema_is_refused(bundle: Path, schema: Any) -> None:
    expected = f"schema {schema!r} is unknown to this version, which reads 1, 2, 3. Update trashseg"
    with pytest.raises(BadInput, match=expected):
        read_ensemble(edit(bundle, schema=schema))


@pytest.mark.parametrize("weights", [(0.5, 0.4), (0.6, 0.5), (1.5, -0.5), (1.0, 0.0), ()])
def test_weights_that_are_no_shares_are_refused(bundle: Path, weights: tuple[float, ...]) -> None:
    with pytest.raises(BadInput, match="weights must be positive and sum to 1"):
        read_ensemble(edit(bundle, members=members(*weights)))


@pytest.mark.parametrize("shares", [[1.0, 1.0], [1.0] * 4])
def test_class_weights_of_another_number_of_classes_are_refused(bundle: Path, shares: list[float]) -> None:
    listed = [{**one, "class_weights": shares} for one in members(1.0)]
    with pytest.raises(BadInput, match=f"t0000 has {len(shares)} class weights for 3 classes"):
        read_ensemble(edit(bundle, members=listed))


@pytest.mark.parametrize("first", [(1.0, 0.4), (-0.5, 1.5), (0.4, 0.4)])
def test_class_weights_that_are_no_shares_are_refused(bundle: Path, first: tuple[float, float]) -> None:
    """The two members' shares of the first class are wrong, those of the others right."""
    listed = members(0.5, 0.5)
    for member, share in zip(listed, first, strict=True):
        member["class_weights"] = [share, 0.5, 0.5]
    with pytest.raises(BadInput, match="class weights must be at least 0 and sum to 1 in each class"):
        read_ensemble(edit(bundle, members=listed))


@pytest.mark.parametrize("offsets", [[0.0, 1.0], [0.0] * 4])
def test_class_offsets_that_are_not_one_number_for_each_class_are_refused(bundle: Path, offsets: list[float]) -> None:
    with pytest.raises(BadInput, match="`class_offsets` must be 3 finite numbers, one for each class"):
        read_ensemble(edit(bundle, class_offsets=offsets))


@pytest.mark.parametrize("name", ["val_interval", "test_interval"])
@pytest.mark.parametrize("span", [[0.1], [0.1, 0.2, 0.3]])
def test_an_interval_without_a_low_and_a_high_end_is_refused(bundle: Path, name: str, span: list[float]) -> None:
    with pytest.raises(BadInput, match=f"`{name}` must be a low and a high number, but has {len(span)}"):
        read_ensemble(edit(bundle, **{name: span}))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(bundle: Path, value: float) -> None:
    shared = [{**one, "class_weights": [value, 1.0, 1.0]} for one in members(1.0)]
    for broken in ({"members": members(value)}, {"members": shared}, {"class_offsets": [0.0, 0.0, value]}):
        with pytest.raises(BadInput, match="is no finite number.*build it again with `ensemble`"):
            read_ensemble(edit(bundle, **broken))


def test_an_unknown_tta_is_refused(bundle: Path) -> None:
    listed = [{**one, "tta": "spin"} for one in members(1.0)]
    with pytest.raises(BadInput, match="TTA of t0000 is 'spin', but must be one of none, flip,"):
        read_ensemble(edit(bundle, members=listed))


@pytest.mark.parametrize("trial_id", ["../t0000", "/etc", "a/b", "", ".", "..", "t0000/"])
def test_a_trial_id_that_is_a_path_is_refused(bundle: Path, trial_id: str) -> None:
    with pytest.raises(BadInput, match="is not a plain name"):
        read_ensemble(edit(bundle, members=members(1.0, trial_id=trial_id)))


@pytest.mark.parametrize(
    "broken", [{"members": [{"trial_id": "t0000"}]}, {"members": 5}, {"bogus": 1}, {"members": [5]}]
)
def test_a_damaged_description_is_refused(bundle: Path, broken: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="ensemble.json: damaged .*Build it again with `ensemble`"):
        read_ensemble(edit(bundle, **broken))


def test_a_folder_without_an_ensemble_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="ensemble.json: cannot be read"):
        read_ensemble(tmp_path)


def test_a_member_of_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    source = {"t0000": checkpoint(tmp_path / "a", 0, num_classes=4)}
    ensemble = make(("t0000", 1.0))
    write_ensemble(tmp_path / "ensemble", ensemble, source, SCORED)
    with pytest.raises(BadInput, match="has shape .4.*, but the model needs .3.*number of classes"):
        load_ensemble(tmp_path / "ensemble", ensemble)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_member_without_one_of_its_files_is_refused(bundle: Path, name: str) -> None:
    (bundle / "members" / "t0003" / name).unlink()
    with pytest.raises(BadInput, match=f"t0003/{name}.* cannot be read"):
        load_ensemble(bundle, read_ensemble(bundle))


@pytest.mark.parametrize("offsets", ([0.0, 1e25, 0.0], [0.0, -81.0, 0.0]))
def test_offsets_that_no_float_can_take_the_exp_of_are_refused(bundle: Path, offsets: list[float]) -> None:
    with pytest.raises(BadInput, match="one for each class, from -80 to 80"):
        read_ensemble(edit(bundle, class_offsets=offsets))


@pytest.mark.parametrize("replaced", ({"class_names": [1, 2, 3]}, {"categories": []}, {"evidence": [1]}), ids=str)
def test_fields_of_another_type_are_refused(bundle: Path, replaced: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=f"damaged \\(`{next(iter(replaced))}` is"):
        read_ensemble(edit(bundle, **replaced))
