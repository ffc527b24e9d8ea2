"""The search to start with on one GPU: encoders, decoders, loss mix, augmix ratio, optimizer.

    python run_search.py search --data DATA --space baseline --trials 40 --epochs 30 --set image_size=512

Needs the network once, for the encoders' ImageNet weights. A trial costs what its encoder does (`parts.COSTS`).

Result: none yet. It takes a GPU, and none was at hand.
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
