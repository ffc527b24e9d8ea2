"""What encoders cost: weights, and seconds per photo of a prediction, without downloading any.

    python -m experiments.recipes.encoder_costs [ENCODER ...] --size 256

Each is measured on a CPU with SegFormer's decoder, bf16 where the processor has it, on one thread, batches of 4: the
processor time of the fastest of several passes, which other work on the machine changes little. The table
`search_spaces.parts.COSTS` quotes the numbers.
"""

import argparse
import time

import numpy as np
import torch

from search_spaces import parts
from trashseg_core.config import TrialConfig
from trashseg_core.inference.predict import predict_logits
from trashseg_core.models import build_model

BATCH, NUM_CLASSES = 4, 11


def seconds_per_photo(config: TrialConfig, passes: int = 3) -> tuple[float, float]:
    """Time one encoder.

    Returns:
        Millions of weights, seconds of one core per photo.
    """
    network = build_model(config, NUM_CLASSES)
    images = np.random.default_rng(0).integers(0, 256, (BATCH, config.image_size, config.image_size, 3), np.uint8)
    took = []
    for _ in range(passes + 1):
        started = time.process_time()
        predict_logits(network, config, images)
        took.append((time.process_time() - started) / BATCH)
    return network.parameters_m, min(took[1:])


def main() -> None:
    """Print one line per encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoders", nargs="*", default=list(parts.COSTS))
    parser.add_argument("--size", type=int, default=256, help="side of the photos in px")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.encoders:
        config = TrialConfig(encoder_name=name, encoder_weights="none", image_size=given.size)
        try:
            weights, seconds = seconds_per_photo(config)
            print(f"{name:32} {weights:7.1f} M {seconds:8.3f} s", flush=True)
        except Exception as error:  # a pair that does not work is an answer too
            print(f"{name:32} {type(error).__name__}: {error}"[:140], flush=True)


if __name__ == "__main__":
    main()
