"""Spaces are found by name or by file, and what cannot be loaded is named."""

import random
from pathlib import Path
from typing import Any

import pytest

from experiments.points.space_check import ProbeTrial
from search_spaces import UnknownSpace, load, names, parts, source_path
from trashseg_core.config import TrialConfig


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def drawn(name: str, count: int = 300) -> list[dict[str, Any]]:
    """Random configurations of a space."""
    rng, points = random.Random(1), []
    for _ in range(count):
        trial = ProbeTrial(lambda name, options: rng.choice(options))
        load(name)(trial)
        points.append(trial.params)
    return points


def test_the_project_s_spaces_are_named_and_their_parts_are_no_space() -> None:
    assert names() == ["baseline", "pseudo", "quick", "wide"]


@pytest.mark.parametrize("name", names())
def test_a_space_of_the_project_is_loaded_by_name(name: str) -> None:
    assert load(name).__module__ == f"search_spaces.{name}"


@pytest.mark.parametrize("name", names())
def test_a_name_stands_for_a_file(name: str) -> None:
    assert source_path(name).is_file()


def test_a_space_is_loaded_from_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.py", "def space(trial):\n    trial.suggest_float('lr', 0.1, 0.2)\n")
    trial = ProbeTrial(lambda name, options: options[0])
    load(path)(trial)
    assert list(trial.params) == ["lr"]


def test_a_file_may_use_the_project_s_parts(tmp_path: Path) -> None:
    text = "from search_spaces import parts\n\ndef space(trial):\n    parts.optimizer(trial)\n"
    trial = ProbeTrial(lambda name, options: options[0])
    load(write(tmp_path / "mine.py", text))(trial)
    assert {"optimizer", "lr", "weight_decay"} <= trial.params.keys()


def test_the_path_of_a_file_space_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "mine.py", "")
    monkeypatch.chdir(tmp_path)
    assert source_path("mine.py") == tmp_path / "mine.py"


@pytest.mark.parametrize("name", ["", "quik", "parts", "quick.py", "no/such.py", "../search_spaces/quick"])
def test_an_unknown_space_is_refused_with_the_names_there_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownSpace, match="Unknown space .* Spaces: baseline, pseudo, quick, wide, or the path"):
        load(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "mine.py: cannot be loaded .ZeroDivisionError: division by zero"),
        ("def space(trial:", "mine.py: cannot be loaded .SyntaxError"),
        ("import no_such_module", "mine.py: cannot be loaded .ModuleNotFoundError"),
        ("def spaces(trial): ...", "mine.py: has no function `space.trial.`. See search_spaces/baseline.py"),
        ("space = 3", "mine.py: has no function `space.trial.`"),
    ],
)
def test_a_file_that_is_no_space_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UnknownSpace, match=message):
        load(write(tmp_path / "mine.py", text))


@pytest.mark.parametrize("name", ["baseline", "wide"])
def test_augmix_details_are_suggested_only_with_augmix(name: str) -> None:
    for point in drawn(name):
        assert ("augmix_rarity" in point) == (point["augmix_ratio"] > 0)


@pytest.mark.parametrize("name", ["baseline", "wide"])
def test_knobs_of_a_loss_are_suggested_only_with_it(name: str) -> None:
    for point in drawn(name):
        assert ("label_smoothing" in point) == (point["loss_mix"] == "soft_ce")
        assert ("focal_gamma" in point) == (point["loss_mix"] == "dice_focal")


def test_the_severity_of_augmix_of_colours_is_suggested_only_with_it() -> None:
    for point in drawn("wide"):
        assert ("color_augmix_severity" in point) == (point["color_augmix_ratio"] > 0)


@pytest.mark.parametrize(
    ("name", "off"),
    [
        ("rare_class_temperature", 0.0),
        ("mosaic_ratio", 0.0),
        ("cutmix_ratio", 0.0),
        ("classmix_ratio", 0.0),
        ("color_augmix_ratio", 0.0),
        ("scale_min", 1.0),
        ("scale_max", 1.0),
    ],
)
def test_every_ingredient_of_the_wide_space_may_be_left_out_or_taken(name: str, off: float) -> None:
    values = {point[name] for point in drawn("wide")}
    assert off in values and len(values) >= 3


def test_momentum_is_not_suggested_for_adamw() -> None:
    for point in drawn("wide"):
        assert ("momentum" in point) == (point["optimizer"] != "adamw")


def test_a_space_with_transformers_offers_only_decoders_that_work_with_every_encoder() -> None:
    points = drawn("baseline")
    assert any(point["encoder_name"].startswith("mit_") for point in points)
    assert {point["decoder_name"] for point in points} == set(parts.DECODERS)


def test_the_wide_space_pairs_transformers_with_the_decoder_that_works_and_cnns_with_all() -> None:
    points = drawn("wide")
    transformers = [point for point in points if point["encoder_name"].startswith("mit_")]
    assert transformers and all("decoder_name" not in point for point in transformers)
    assert TrialConfig().decoder_name == "segformer", "what a point without a decoder gets"
    others = {point["decoder_name"] for point in points if not point["encoder_name"].startswith("mit_")}
    assert others == set(parts.CNN_DECODERS)


def test_weights_of_a_mix_are_suggested_only_with_it() -> None:
    for point in drawn("wide"):
        assert ("loss_lovasz" in point) == (point["loss_mix"] == "weights")


def test_every_encoder_of_a_space_has_its_cost_in_the_catalogue() -> None:
    offered = {*parts.SMALL_ENCODERS, *parts.CNN_ENCODERS, *parts.ENCODERS, *parts.LARGE_ENCODERS}
    assert offered <= parts.COSTS.keys()
    assert all(weights > 0 and seconds > 0 for weights, seconds in parts.COSTS.values())


@pytest.mark.parametrize("name", names())
def test_a_search_without_augmix_is_part_of_every_space(name: str) -> None:
    assert 0.0 in {point.get("augmix_ratio", 0.0) for point in drawn(name)}


def test_every_part_makes_configurations_that_can_be_trained() -> None:
    rng = random.Random(0)
    for part in (parts.loss_simplex, parts.class_weights, parts.schedule, parts.averaging, parts.mixing, parts.scales):
        for _ in range(50):
            trial = ProbeTrial(lambda name, options: rng.choice(options))
            part(trial)
            assert trial.params and TrialConfig.from_params(trial.params)
