"""Settings without effect: fields that mean something only beside another one."""

from collections.abc import Callable, Iterable

from trashseg_core.config import TrialConfig


def _has(*terms: str) -> Callable[[TrialConfig], bool]:
    return lambda config: not config.loss_weights.keys().isdisjoint(terms)


ONLY_WITH: dict[str, tuple[str, Callable[[TrialConfig], bool]]] = {
    "label_smoothing": ("soft_ce in the loss mix", _has("soft_ce")),
    "focal_gamma": ("focal in the loss mix", _has("focal")),
    "tversky_alpha": ("tversky in the loss mix", _has("tversky")),
    "tversky_beta": ("tversky in the loss mix", _has("tversky")),
    "absent_classes": (
        "dice, jaccard, lovasz or tversky in the loss mix",
        _has("dice", "jaccard", "lovasz", "tversky"),
    ),
    "class_weights": ("ce, soft_ce or focal in the loss mix", _has("ce", "soft_ce", "focal")),
    "effective_beta": (
        "`class_weights=effective_number`",
        lambda config: config.class_weights == "effective_number",
    ),
    "augmix_rarity": ("`augmix_ratio` above 0", lambda config: config.augmix_ratio > 0),
    "augmix_max_objects": ("`augmix_ratio` above 0", lambda config: config.augmix_ratio > 0),
    "augmix_classes": ("`augmix_ratio` above 0", lambda config: config.augmix_ratio > 0),
    "color_augmix_severity": ("`color_augmix_ratio` above 0", lambda config: config.color_augmix_ratio > 0),
    "distill_temperature": ("`distill_weight` above 0", lambda config: config.distill_weight > 0),
    "momentum": ("`optimizer` madgrad or sgd", lambda config: config.optimizer in ("madgrad", "sgd")),
    "poly_power": ("`schedule=poly`", lambda config: config.schedule == "poly"),
    "ema_decay": ("`weight_average=ema`", lambda config: config.weight_average == "ema"),
    "swa_start": ("`weight_average=swa`", lambda config: config.weight_average == "swa"),
}
"""What each of these fields needs, in words and as a condition."""


def idle_settings(names: Iterable[str], configs: list[TrialConfig]) -> list[str]:
    """Warn about fields that change nothing in any of the configs.

    Args:
        names: the fields that somebody set.

    Returns:
        One sentence for each.
    """
    warnings = []
    for name in names:
        needs, has_effect = ONLY_WITH.get(name, ("", lambda _: True))
        if not any(has_effect(config) for config in configs):
            warnings.append(f"`{name}` has no effect here: it needs {needs}.")
    return warnings
