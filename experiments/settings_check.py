"""What the settings of a search may be, each and together."""

import re
from collections.abc import Mapping
from typing import Any

from trashseg_core.config import parse_assignments
from trashseg_core.errors import BadInput

AT_LEAST_1 = (
    "trials",
    "epochs",
    "top_k",
    "max_json_mb",
    "concurrent",
    "grace_period",
    "workers_per_trial",
    "full_trials",
)
LIMITS = ("max_memory_mb", "max_parameters_m", "max_seconds_per_image")
ABOVE_0 = ("cpus_per_trial", "time_budget", "hang_limit", "disk_gb", "store_gb", "max_megapixels", *LIMITS)
AT_MOST = {
    **dict.fromkeys(("trials", "keep", "top_k", "grace_period", "epochs", "full_trials"), 100_000),
    **dict.fromkeys(("concurrent", "workers_per_trial", "cpus_per_trial", "gpus_per_trial", "folds"), 10_000),
    **dict.fromkeys(
        ("time_budget", "hang_limit", "disk_gb", "store_gb", "max_json_mb", "max_megapixels", *LIMITS), 1e9
    ),
    "reduction_factor": 1e6,
}
"""What is above can only be a mistake, and overflows somewhere."""


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse settings that no search could use.

    Args:
        settings: the fields of `SearchSettings`, and its `num_kept`.

    Raises:
        BadInput: saying what was given and what is allowed.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", settings["name"]):
        raise BadInput(f"The value of `--name` is {settings['name']!r}, but must be letters, digits, `.`, `_` and `-`.")
    _check_ranges(settings)
    _check_together(settings)


def _check_ranges(settings: Mapping[str, Any]) -> None:
    for flag in AT_LEAST_1:
        value = settings[flag]
        if value not in (None, "auto") and value < 1:
            raise BadInput(f"The value of `{_dashed(flag)}` is {value}, but must be 1 or more.")
    for flag in ABOVE_0:
        value = settings[flag]
        if value is not None and not value > 0:
            raise BadInput(f"The value of `{_dashed(flag)}` is {value}, but must be above 0.")
    if settings["gpus_per_trial"] is not None and not settings["gpus_per_trial"] >= 0:
        raise BadInput(f"The value of `--gpus-per-trial` is {settings['gpus_per_trial']}, but must be 0 or more.")
    if settings["folds"] is not None and settings["folds"] < 2:
        raise BadInput(f"The value of `--folds` is {settings['folds']}, but must be 2 or more.")
    for flag, most in AT_MOST.items():
        value = settings[flag]
        if value not in (None, "auto") and value > most:
            raise BadInput(f"The value of `{_dashed(flag)}` is {value:.6g}, but must be at most {most:,.0f}.")
    if not settings["reduction_factor"] > 1:
        raise BadInput(f"The value of `--reduction-factor` is {settings['reduction_factor']}, but must be above 1.")
    if not 0 <= settings["seed"] < 2**32:
        raise BadInput(f"The value of `--seed` is {settings['seed']}, but must be between 0 and 2^32 - 1.")


def _check_together(settings: Mapping[str, Any]) -> None:
    if settings["num_kept"] < settings["top_k"]:
        raise BadInput(
            f"The value of `--keep` is {settings['keep']}, but must be {settings['top_k']} or more: the "
            f"ensemble chooses from `--top-k {settings['top_k']}` trials."
        )
    if settings["grace_period"] is not None and settings["grace_period"] > settings["epochs"]:
        raise BadInput(
            f"The value of `--grace-period` is {settings['grace_period']}, above the {settings['epochs']} epochs."
        )
    if settings["folds"] is not None and settings["pool"] != "top-k":
        raise BadInput("`--folds` trains the top-k configurations again. Leave `--pool` at top-k.")
    if settings["folds"] is not None and settings["pseudo"] is not None:
        raise BadInput(
            "`--folds` holds out train photos, but whoever made the labels of `--pseudo` has learned from them. "
            "Use one of the two."
        )
    if settings["second_objective"] is not None and settings["sampler"] == "cmaes":
        raise BadInput("`--sampler cmaes` knows one objective only. Take tpe or gp for `--second-objective`.")
    if settings["second_objective"] is not None and settings["scheduler"] == "asha":
        raise BadInput("`--scheduler asha` judges by one value only. Take promotion for `--second-objective`.")
    if settings["full_trials"] > 1 and settings["scheduler"] == "asha":
        raise BadInput("`--scheduler asha` stops trials for good. Take promotion for `--full-trials`.")
    if "epochs" in parse_assignments(settings["set"]):
        raise BadInput("`--set epochs=…` contradicts `--epochs`. Use `--epochs` alone.")


def _dashed(flag: str) -> str:
    return "--" + flag.replace("_", "-")
