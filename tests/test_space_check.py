"""A space is checked before anything starts: names, bounds, choices, values."""

import math
from collections.abc import Callable
from typing import Any

import optuna
import pytest

from experiments.points.space_check import check_space, default_point, draw_points, idle_pins
from search_spaces import load, names
from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput

PINS = {"seed": 0, "epochs": 9}


@pytest.mark.parametrize("name", names())
def test_every_space_of_the_project_passes(name: str) -> None:
    assert check_space(load(name), PINS)


@pytest.mark.parametrize("name", names())
def test_the_default_configuration_is_checked_first(name: str) -> None:
    point = default_point(load(name), PINS)
    assert check_space(load(name), PINS)[0] == TrialConfig.from_params({**point, **PINS})


@pytest.mark.parametrize("name", names())
def test_the_default_point_lies_inside_what_optuna_may_suggest(name: str) -> None:
    point = default_point(load(name), {})
    trial = optuna.trial.FixedTrial(point)
    load(name)(trial)  # raises or warns where a value lies outside
    assert trial.params == point
    assert all(kind._contains(kind.to_internal_repr(point[key])) for key, kind in trial.distributions.items())


def test_the_default_point_takes_each_default_that_the_space_allows() -> None:
    def space(trial: Any) -> None:
        trial.suggest_categorical("optimizer", ["sgd", "adamw"])
        trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        trial.suggest_float("warmup", 0.0, 0.4, step=0.1)
        trial.suggest_int("batch_size", 4, 32, step=4)
        trial.suggest_categorical("channels_last", [False, True])

    names_there = ("optimizer", "lr", "warmup", "batch_size", "channels_last")
    assert default_point(space) == pytest.approx({name: getattr(TrialConfig, name) for name in names_there})


def test_the_default_point_stays_inside_a_space_that_excludes_the_default() -> None:
    def space(trial: Any) -> None:
        trial.suggest_categorical("optimizer", ["sgd", "madgrad"])
        trial.suggest_float("lr", 1e-2, 1e-1, log=True)
        trial.suggest_int("batch_size", 20, 32)

    point = default_point(space)
    assert point["optimizer"] in ("sgd", "madgrad")
    assert 1e-2 <= point["lr"] <= 1e-1
    assert 20 <= point["batch_size"] <= 32


@pytest.mark.reliability("command-line")
@pytest.mark.parametrize(
    ("space", "message"),
    [
        (lambda t: t.suggest_float("lr", 0.1, 0.1), "bounds of `lr` are 0.1 and 0.1, but low must be below high"),
        (lambda t: t.suggest_float("lr", 0.2, 0.1), "bounds of `lr` are 0.2 and 0.1, but low must be below high"),
        (lambda t: t.suggest_int("batch_size", 8, 8), "bounds of `batch_size` are 8 and 8"),
        (lambda t: t.suggest_float("lr", 0.0, 0.1, log=True), "`lr` is on a log scale, but its low bound is 0.0"),
        (lambda t: t.suggest_int("batch_size", 0, 8, log=True), "`batch_size` is on a log scale"),
        (lambda t: t.suggest_float("lr", math.nan, 0.1), "bounds of `lr` are .nan, 0.1., but must be finite"),
        (lambda t: t.suggest_float("lr", 0.1, math.inf), "bounds of `lr` are .0.1, inf., but must be finite"),
        (lambda t: t.suggest_float("lr", "1e-4", "1e-2"), "bounds of `lr` are .'1e-4', '1e-2'., but must be finite"),
        (lambda t: t.suggest_float("warmup", 0.0, 0.4, step=0.0), "step of `warmup` is 0.0, but must be above 0"),
        (lambda t: t.suggest_float("lr", 0.1, 0.4, step=0.1, log=True), "`lr` has a log scale and the step 0.1"),
        (lambda t: t.suggest_int("batch_size", 2, 8, step=2, log=True), "`batch_size` has a log scale and the step 2"),
        (lambda t: t.suggest_int("batch_size", 2.5, 8.5), "`batch_size` are 2.5, 8.5 and 1, but must be integers"),
        (lambda t: t.suggest_categorical("optimizer", []), "`optimizer` has no choices. Give at least one"),
        (lambda t: t.suggest_categorical("optimizer", ["sgd", "sgd"]), "`optimizer` lists a choice twice"),
        (lambda t: t.suggest_categorical("batch_size", [(2, 4), (8, 16)]), "`batch_size` has a choice that is no JSON"),
        (lambda t: t.suggest_categorical("weight_decey", [0.1]), "`weight_decey`. Did you mean `weight_decay`?"),
        (lambda t: t.suggest_float("batch_size_pow", 1, 5), "Unknown hyperparameter `batch_size_pow`"),
        (lambda t: t.suggest_categorical("optimizer", ["sgd", "lbfgs"]), "`optimizer` is 'lbfgs', but must be one of"),
        (lambda t: t.suggest_int("image_size", 100, 101), "`image_size` is 10[01], but must be a multiple of 32"),
        (lambda t: t.suggest_float("lr", 1.0, 100.0), r"`lr` is [\d.]+, but must be between 1e-09 and 10"),
        (lambda t: t.suggest_uniform("lr", 0, 1), "it fails with AttributeError: .*suggest_uniform"),
        (lambda t: 1 / 0, "it fails with ZeroDivisionError: division by zero"),
    ],
)
def test_a_space_that_could_not_be_searched_is_refused(space: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_space(space, PINS)


@pytest.mark.reliability("command-line")
def test_an_error_in_a_conditional_branch_is_found() -> None:
    def space(trial: Any) -> None:
        if trial.suggest_categorical("optimizer", ["adamw", "sgd"]) == "sgd":
            trial.suggest_float("momemtum", 0.8, 0.9)

    with pytest.raises(BadInput, match="Unknown hyperparameter `momemtum`. Did you mean `momentum`?"):
        check_space(space, PINS)


BRANCHES = {
    "choices": lambda t, sgd: t.suggest_categorical("lr", [1e-3, 1e-2] if sgd else [1e-3]),
    "scales": lambda t, sgd: t.suggest_float("lr", 1e-3, 1e-2, log=sgd),
    "kinds": lambda t, sgd: t.suggest_float("lr", 1e-3, 1e-2) if sgd else t.suggest_categorical("lr", [1e-3, 1e-2]),
    "types": lambda t, sgd: t.suggest_float("batch_size", 2, 4, step=2) if sgd else t.suggest_int("batch_size", 2, 4),
}


@pytest.mark.reliability("command-line")
@pytest.mark.parametrize("branch", BRANCHES)
def test_a_name_that_is_something_else_in_another_branch_is_refused(branch: str) -> None:
    """Optuna would end the search when it meets the second one."""

    def space(trial: Any) -> None:
        BRANCHES[branch](trial, trial.suggest_categorical("optimizer", ["adamw", "sgd"]) == "sgd")

    with pytest.raises(BadInput, match="has different choices or scales in different branches"):
        check_space(space, PINS)


def test_bounds_may_differ_between_branches() -> None:
    def space(trial: Any) -> None:
        sgd = trial.suggest_categorical("optimizer", ["adamw", "sgd"]) == "sgd"
        trial.suggest_float("lr", 1e-3, 1e-1 if sgd else 1e-2, log=True)

    assert check_space(space, PINS)


def two_names(trial: Any) -> None:
    trial.suggest_float("lr", 1e-4, 1e-2, log=True)
    trial.suggest_categorical("optimizer", ["adamw", "sgd"])


def test_a_pinned_name_is_not_suggested() -> None:
    points, _ = draw_points(two_names, {"lr": 0.5})
    assert {tuple(point) for point in points} == {("optimizer",)}


def test_a_space_sees_the_pinned_value() -> None:
    def space(trial: Any) -> None:
        assert trial.suggest_categorical("optimizer", ["adamw", "sgd"]) == "madgrad"

    check_space(space, {"optimizer": "madgrad"})


def test_every_model_of_a_space_is_checked_once() -> None:
    def space(trial: Any) -> None:
        trial.suggest_categorical("decoder_name", ["fpn", "unet"])
        trial.suggest_categorical("image_size", [64, 128])
        trial.suggest_float("lr", 1e-4, 1e-2)

    models = [(config.decoder_name, config.image_size) for config in check_space(space, PINS)]
    assert sorted(models) == [("fpn", 64), ("fpn", 128), ("unet", 64), ("unet", 128)]


def domains(space: Callable[[Any], Any]) -> dict[str, list[str]]:
    return draw_points(space, {})[1]


def test_the_same_space_has_the_same_domains() -> None:
    assert domains(load("wide")) == domains(load("wide"))


@pytest.mark.parametrize(
    "other",
    [
        lambda t: t.suggest_float("lr", 1e-3, 2e-1, log=True),
        lambda t: t.suggest_float("lr", 1e-3, 1e-1),
        lambda t: t.suggest_float("lr", 1e-3, 1e-1, step=1e-3),
        lambda t: t.suggest_categorical("lr", [1e-3, 1e-1]),
        lambda t: t.suggest_float("weight_decay", 1e-3, 1e-1, log=True),
        lambda t: (t.suggest_float("lr", 1e-3, 1e-1, log=True), t.suggest_int("batch_size", 2, 4)),
    ],
)
def test_domains_differ_where_the_space_differs(other: Callable[[Any], Any]) -> None:
    assert domains(other) != domains(lambda t: t.suggest_float("lr", 1e-3, 1e-1, log=True))


def test_both_branches_of_a_condition_are_in_the_domains() -> None:
    assert {"label_smoothing", "focal_gamma"} <= domains(load("baseline")).keys()


def test_a_pin_without_effect_in_the_whole_space_is_named() -> None:
    def space(trial: Any) -> None:
        trial.suggest_categorical("optimizer", ["adamw", "sgd"])

    assert idle_pins(space, {"momentum": 0.8, "lr": 0.1}) == []
    assert idle_pins(space, {"momentum": 0.8, "optimizer": "adamw"}) == [
        "`momentum` has no effect here: it needs `optimizer` madgrad or sgd."
    ]


def test_distillation_is_refused_in_a_search_which_has_no_teacher() -> None:
    with pytest.raises(BadInput, match="`distill_weight` needs a teacher, which no search has. Use `train --teacher"):
        check_space(load("quick"), {"distill_weight": 0.5})
