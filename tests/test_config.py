"""TrialConfig takes what a training can use and refuses the rest with a message that helps."""

import json
import math
from typing import Any

import pytest

from trashseg_core.choices import LOSS_PRESETS
from trashseg_core.config import FIELDS, TrialConfig, check_field, parse_assignments
from trashseg_core.errors import BadInput
from trashseg_core.field_values import RANGES


def test_defaults_are_valid_and_every_field_is_a_json_scalar() -> None:
    values = TrialConfig().to_dict()
    assert tuple(values) == FIELDS
    assert all(type(value) in (str, int, float, bool) for value in values.values())


def test_a_config_survives_the_way_through_json() -> None:
    config = TrialConfig(lr=3e-4, decoder_name="fpn", augmix_ratio=0.3, epochs=7, channels_last=False)
    assert TrialConfig.from_params(json.loads(json.dumps(config.to_dict()))) == config


def test_from_params_takes_the_rest_by_default() -> None:
    assert TrialConfig.from_params({"epochs": 3}) == TrialConfig(epochs=3)


def test_whole_numbers_are_taken_for_float_fields_and_the_reverse() -> None:
    config = TrialConfig(lr=1, epochs=5.0)  # type: ignore[arg-type]
    assert (type(config.lr), type(config.epochs)) == (float, int)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", "5", "`epochs` is '5', but must be of type int"),
        ("epochs", 5.5, "`epochs` is 5.5, but must be of type int"),
        ("epochs", True, "`epochs` is True, but must be of type int"),
        ("epochs", None, "`epochs` is None, but must be of type int"),
        ("lr", "1e-4", "`lr` is '1e-4', but must be of type float"),
        ("lr", True, "`lr` is True, but must be of type float"),
        ("lr", math.nan, "`lr` is nan, but must be finite"),
        ("lr", math.inf, "`lr` is inf, but must be finite"),
        ("encoder_name", 3, "`encoder_name` is 3, but must be of type str"),
        ("channels_last", 1, "`channels_last` is 1, but must be of type bool"),
        ("augment", ["light"], r"`augment` is \['light'\], but must be one of none, light, strong"),
    ],
)
def test_a_wrong_type_is_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(BadInput, match=f"The value of {message}"):
        TrialConfig.from_params({name: value})


@pytest.mark.parametrize("name", RANGES)
def test_values_beyond_either_end_of_the_range_are_refused(name: str) -> None:
    low, high = RANGES[name]
    step = 32 if name in ("image_size", "source_size") else 1
    for value in (low - step, high + step):
        with pytest.raises(BadInput, match=f"`{name}` is .*, but must be between"):
            TrialConfig.from_params({name: type(getattr(TrialConfig(), name))(value)})


def test_an_image_size_that_strides_do_not_divide_is_refused() -> None:
    with pytest.raises(BadInput, match="`image_size` is 100, but must be a multiple of 32"):
        TrialConfig(image_size=100)


@pytest.mark.parametrize(
    ("name", "given", "nearest"),
    [
        ("augment", "strng", "strong"),
        ("loss_mix", "dicefocal", "dice_focal"),
        ("optimizer", "adam", "adamw"),
        ("precision", "fp16", "bf16"),
        ("decoder_name", "unet++", "unet"),
    ],
)
def test_an_unknown_choice_names_the_nearest(name: str, given: str, nearest: str) -> None:
    with pytest.raises(BadInput, match=f"must be one of .*Did you mean `{nearest}`"):
        TrialConfig.from_params({name: given})


def test_an_unknown_field_names_the_nearest() -> None:
    with pytest.raises(BadInput, match="Unknown hyperparameter `weight_decey`. Did you mean `weight_decay`?"):
        TrialConfig.from_params({"weight_decey": 0.1})


def test_a_field_that_resembles_none_lists_all() -> None:
    with pytest.raises(BadInput, match="Unknown hyperparameter `qqq`. Fields: encoder_name, .*seed"):
        check_field("qqq")


def test_the_mixes_with_dice_are_those_that_the_competition_knows() -> None:
    assert TrialConfig(loss_mix="dice_ce").loss_weights == {"dice": 0.2, "ce": 0.8}
    assert TrialConfig(loss_mix="dice_focal").loss_weights == {"dice": 0.25, "focal": 0.75}


@pytest.mark.parametrize("name", LOSS_PRESETS)
def test_a_preset_s_weights_sum_to_one(name: str) -> None:
    assert sum(TrialConfig(loss_mix=name).loss_weights.values()) == pytest.approx(1)  # type: ignore[arg-type]


def test_loss_weights_are_normalised_and_zeros_left_out() -> None:
    config = TrialConfig(loss_mix="weights", loss_ce=1, loss_dice=3)
    assert config.loss_weights == {"ce": 0.25, "dice": 0.75}


def test_all_zero_loss_weights_are_refused() -> None:
    with pytest.raises(BadInput, match="every `loss_\\*` weight is 0. Give at least one a positive value"):
        TrialConfig(loss_mix="weights")


def test_a_loss_weight_beside_a_preset_is_refused_as_without_effect() -> None:
    with pytest.raises(BadInput, match="loss_dice=0.5 has no effect with `loss_mix=ce`. Set `loss_mix=weights`"):
        TrialConfig(loss_mix="ce", loss_dice=0.5)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("lr=1e-4", 1e-4),
        ("lr=1", 1.0),
        ("epochs=1e2", 100),
        ("epochs=30", 30),
        ("channels_last=false", False),
        ("channels_last=True", True),
        ("channels_last=0", False),
        ("decoder_name=fpn", "fpn"),
        ("encoder_name=a=b", "a=b"),
    ],
)
def test_an_assignment_becomes_a_typed_value(text: str, value: Any) -> None:
    parsed = parse_assignments([text])[text.split("=")[0]]
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr", "`--set lr` has no `=`. Write `--set field=value`"),
        ("leraning_rate=1", "Unknown hyperparameter `leraning_rate`"),
        ("lr=fast", "`lr` is 'fast', but must be a number"),
        ("lr=nan", "`lr` is nan, but must be finite"),
        ("lr=", "`lr` is '', but must be a number"),
        ("epochs=2.5", "`epochs` is '2.5', but must be a number"),
        ("epochs=25e-1", "`epochs` is 2.5, but must be of type int"),
        ("epochs=1e999", "`epochs` is inf, but must be of type int"),
        ("channels_last=maybe", "`channels_last` is 'maybe', but must be true or false"),
        ("augment=storng", "Did you mean `strong`"),
    ],
)
def test_a_bad_assignment_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse_assignments([text])


def test_a_number_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(BadInput, match="`lr` is .*, but must be"):
        TrialConfig.from_params({"lr": 10**400})
