"""Everything that may matter about CNNs, for a long search on several GPUs.

    python run_search.py search --data DATA --space wide --trials 200 --epochs 40 --set image_size=512

Needs the network once, for the encoders' ImageNet weights.
"""

from typing import Any

from search_spaces import parts

ENCODERS = (*parts.CNN_ENCODERS, "efficientnet-b5", "tu-convnext_small", "tu-tf_efficientnetv2_s")


def space(trial: Any) -> None:
    """Suggest one trial."""
    parts.encoder(trial, ENCODERS)
    if parts.decoder(trial, parts.CNN_DECODERS) != "linknet":
        parts.decoder_width(trial, (0.25, 0.5, 1.0, 1.5))
    parts.loss_mix(trial)
    parts.class_weights(trial)
    if parts.augmix(trial, high=1.0) > 0:
        parts.augmix_details(trial)
    parts.rare_classes(trial)
    parts.mixing(trial)
    parts.color_augmix(trial)
    parts.scales(trial)
    if parts.optimizer(trial) in ("madgrad", "sgd"):
        trial.suggest_float("momentum", 0.8, 0.95)
    parts.augment(trial)
    trial.suggest_categorical("batch_size", [4, 8, 16, 32])
    parts.schedule(trial)
    parts.averaging(trial)
