"""The search to start with on one GPU: encoders, decoders, loss mix, augmix ratio, optimizer.

    python run_search.py search --data DATA --space baseline --trials 40 --epochs 30 --set image_size=512

Needs the network once, for the encoders' ImageNet weights. A trial costs what its encoder does (`parts.COSTS`).

Measured on 2026-11-30 on 279 and 98 photos of 6 classes, 2 cores, with one small encoder instead of its own
(`--trials 12 --epochs 12 --set encoder_name=tu-tf_efficientnet_lite0 image_size=128`): 16 minutes of training, rungs
at 3 and 4: best trial val mIoU 0.674, ensemble held out 0.676. In this budget `quick` reached 0.702 and 0.695, `wide`
0.663 and 0.694 (each within 0.055 with 90 %): twelve trials are too few for so many dimensions. No result with its
own encoders: that takes a GPU.
"""

from typing import Any

from search_spaces import parts


def space(trial: Any) -> None:
    """Suggest one trial."""
    parts.encoder(trial)
    parts.decoder(trial)
    parts.decoder_width(trial)
    parts.loss_mix(trial)
    if parts.augmix(trial) > 0:
        parts.augmix_details(trial)
    parts.optimizer(trial)
    parts.augment(trial)
