"""A setting without effect is named; one with an effect is not."""

from typing import Any

import pytest

from tests.tiny import tiny_config
from trashseg_core.config import FIELDS
from trashseg_core.idle_settings import ONLY_WITH, idle_settings

ACTIVE: dict[str, dict[str, Any]] = {
    "label_smoothing": {"loss_mix": "soft_ce"},
    "focal_gamma": {"loss_mix": "dice_focal"},
    "tversky_alpha": {"loss_mix": "tversky"},
    "tversky_beta": {"loss_mix": "weights", "loss_tversky": 1.0, "loss_ce": 1.0},
    "absent_classes": {"loss_mix": "lovasz"},
    "class_weights": {"loss_mix": "dice_ce"},
    "effective_beta": {"class_weights": "effective_number"},
    "augmix_rarity": {"augmix_ratio": 0.1},
    "augmix_max_objects": {"augmix_ratio": 0.1},
    "augmix_classes": {"augmix_ratio": 0.1},
    "color_augmix_severity": {"color_augmix_ratio": 0.1},
    "distill_temperature": {"distill_weight": 0.5},
    "momentum": {"optimizer": "sgd"},
    "poly_power": {"schedule": "poly"},
    "ema_decay": {"weight_average": "ema"},
    "swa_start": {"weight_average": "swa"},
}
IDLE: dict[str, Any] = {"loss_mix": "ce", "optimizer": "adamw", "weight_average": "none"}


def test_every_dependent_field_is_covered_and_exists() -> None:
    assert ACTIVE.keys() == ONLY_WITH.keys() and ONLY_WITH.keys() <= set(FIELDS)


@pytest.mark.parametrize("name", ONLY_WITH)
def test_a_setting_is_named_exactly_where_it_has_no_effect(name: str) -> None:
    idle = tiny_config(**{**IDLE, "loss_mix": "dice" if name == "class_weights" else "ce"})
    assert idle_settings([name], [idle]) == [f"`{name}` has no effect here: it needs {ONLY_WITH[name][0]}."]
    assert idle_settings([name], [tiny_config(**ACTIVE[name])]) == []


def test_one_config_in_which_it_has_an_effect_is_enough() -> None:
    assert idle_settings(["momentum"], [tiny_config(optimizer="adamw"), tiny_config(optimizer="sgd")]) == []


def test_other_fields_always_have_an_effect() -> None:
    assert idle_settings(["lr", "epochs"], [tiny_config()]) == []
