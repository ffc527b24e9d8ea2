"""Everything that may matter, CNNs and transformers, for a long search on several GPUs.

    python run_search.py search --data DATA --space wide --trials 200 --epochs 40 --set image_size=512

Needs the network once, for the encoders' ImageNet weights, and photos of more than 64 px, which PAN refuses. A trial
costs what its encoder does (`parts.COSTS`): the largest ones twelve times the smallest.

Measured on 2026-11-30 on 279 and 98 photos of 6 classes, 2 cores, with one small encoder instead of its own
(`--trials 12 --epochs 12 --set encoder_name=tu-tf_efficientnet_lite0 image_size=128`): 18 minutes of training, rungs
at 3 and 4: best trial val mIoU 0.663 (the default configuration), but an ensemble of four unlike ones 0.694 held out.
The others are in `search_spaces/baseline.py`. No result with its own encoders yet: that takes several GPUs.
"""

from typing import Any

from search_spaces import parts


def space(trial: Any) -> None:
    """Suggest one trial."""
    if parts.architecture(trial) != "linknet":
        parts.decoder_width(trial, (0.25, 0.5, 1.0, 1.5))
    parts.loss_mix(trial, ("ce", "soft_ce", "dice_ce", "dice_focal", "weights"))
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
