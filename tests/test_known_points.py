"""Known points are tried right after the default configuration, and refused before anything starts."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.journal import Journal
from experiments.points.known_points import fit_point, read_points
from experiments.points.space_check import default_point
from experiments.searcher import OptunaSearcher
from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput

PINS = {"seed": 0, "epochs": 9, "image_size": 64}


def space(trial: Any) -> None:
    """A choice, a range, a grid, integers and a condition."""
    trial.suggest_categorical("decoder_name", ["fpn", "unet"])
    trial.suggest_float("lr", 1e-4, 1e-2, log=True)
    trial.suggest_int("batch_size", 4, 32, step=4)
    if trial.suggest_float("augmix_ratio", 0.0, 0.6, step=0.1) > 0:
        trial.suggest_float("augmix_rarity", 0.0, 1.5)


def point(**replaced: Any) -> dict[str, Any]:
    return {"decoder_name": "unet", "lr": 1e-3, "batch_size": 8, "augmix_ratio": 0.0, **replaced}


def test_a_configuration_becomes_the_point_that_the_space_would_suggest() -> None:
    assert fit_point(space, PINS, point()) == point()


def test_what_a_point_leaves_open_is_the_default() -> None:
    assert fit_point(space, PINS, {"lr": 5e-3}) == {**default_point(space, PINS), "lr": 5e-3}


def test_a_checkpoint_s_whole_configuration_is_a_point_whatever_its_length_and_seed() -> None:
    whole = TrialConfig.from_params({**point(), **PINS, "epochs": 99, "seed": 7}).to_dict()
    assert fit_point(space, PINS, whole) == point()


def test_a_value_beside_its_grid_by_rounding_comes_onto_it() -> None:
    fitted = fit_point(space, PINS, point(augmix_ratio=0.1 + 0.2, augmix_rarity=0.5))
    assert fitted["augmix_ratio"] == pytest.approx(0.3) and fitted["augmix_rarity"] == 0.5


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (point(leraning_rate=1e-3), "Unknown hyperparameter `leraning_rate`"),
        (point(weight_decey=1e-3), "Did you mean `weight_decay`?"),
        (
            point(decoder_name="unett"),
            "`decoder_name` is 'unett', but the space offers fpn, unet. Did you mean `unet`?",
        ),
        (point(decoder_name="segformer"), "`decoder_name` is 'segformer', but the space offers fpn, unet"),
        (point(lr=0.5), "`lr` is 0.5, but the space allows 0.0001 to 0.01, log"),
        (point(lr="fast"), "`lr` is 'fast', but must be of type float"),
        (point(batch_size=64), "`batch_size` is 64, but the space allows integer 4 to 32 by 4"),
        (point(batch_size=6), "`batch_size` is 6, but the space allows integer 4 to 32 by 4"),
        (point(augmix_ratio=0.25), "`augmix_ratio` is 0.25, but the space allows 0.0 to 0.6 by 0.1"),
        (point(image_size=128), "`image_size` is 128, but always 64 here.*--set image_size=128"),
        (point(momentum=0.5), "`momentum` is 0.5, but always 0.9 here.*--set momentum=0.5"),
        (point(augmix_rarity=0.2), "`augmix_rarity` is 0.2, but always 1.0 here: with the other values of this point"),
    ],
)
def test_a_point_that_the_space_would_never_suggest_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        fit_point(space, PINS, config)


def test_points_are_read_from_single_configurations_and_lists_and_equal_ones_once(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(point()))
    (tmp_path / "more.json").write_text(json.dumps([point(lr=2e-3), point()]))
    paths = (str(tmp_path / "one.json"), str(tmp_path / "more.json"))
    assert read_points(paths, space, PINS) == [point(), point(lr=2e-3)]


@pytest.mark.parametrize("content", ["{}", "[5]", "5", "[[]]"])
def test_a_file_without_configurations_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "points.json"
    path.write_text(content)
    with pytest.raises(BadInput, match=r"points.json.*: not a configuration. Give an object of hyperparameters"):
        read_points((str(path),), space, PINS)


def test_a_refused_point_is_named_with_its_file_and_number(tmp_path: Path) -> None:
    path = tmp_path / "points.json"
    path.write_text(json.dumps([point(), point(lr=1.0)]))
    with pytest.raises(BadInput, match=r"points.json: point 1: `lr` is 1.0"):
        read_points((str(path),), space, PINS)


def test_yaml_is_no_format_of_points_and_nothing_in_it_is_run(tmp_path: Path) -> None:
    path = tmp_path / "points.yaml"
    path.write_text(f"!!python/object/apply:os.system ['touch {tmp_path / 'ran'}']")
    with pytest.raises(BadInput, match="not valid JSON"):
        read_points((str(path),), space, PINS)
    assert not (tmp_path / "ran").exists()


def test_the_default_comes_first_then_the_points_also_after_a_kill_between_them(tmp_path: Path) -> None:
    points = [point(), point(lr=2e-3)]

    def ask(ray_id: str) -> dict[str, Any]:
        journal = Journal(tmp_path / "journal.jsonl")
        options = {"pins": PINS, "first_point": default_point(space, PINS), "points": points}
        searcher = OptunaSearcher(space, journal, "val_miou", 9, 9, **options)
        waiting = len(journal.trials)
        proposed = [searcher.suggest(f"{ray_id}-{number}") for number in range(waiting + 1)]
        journal.close()
        assert isinstance(proposed[-1], dict)
        return {name: value for name, value in proposed[-1].items() if name not in {*PINS, "trial_key"}}

    assert [ask(str(number)) for number in range(3)] == [default_point(space, PINS), *points]
    assert ask("3") not in points
