"""The core's pace: a training epoch against the bare model and against a plain loop."""

import itertools

import torch

from tests.bench import plain_loop
from tests.bench.end_to_end import DATA
from tests.bench.rows import Row
from tests.bench.samples import measure_samples
from tests.bench.timing import THREADS, bench_config, median_ratio, open_bench_data, seconds_of
from trashseg_core import hardware
from trashseg_core.config import TrialConfig
from trashseg_core.losses import build_loss
from trashseg_core.models import build_model
from trashseg_core.optim import build_average, build_optimizer
from trashseg_core.training.epoch import Parts, run_epoch
from trashseg_core.training.loader import Batch, TrainLoader


def measure(repeats: int) -> list[Row]:
    """Measure every figure `repeats` times, its two sides in turn."""
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is missing: the core bench needs the real photos.")
    torch.set_num_threads(THREADS)
    on_gpu = torch.cuda.is_available()
    rows = [_over_bare(repeats, on_gpu)]
    rows += [_over_plain(size, repeats) for size in (128, 256)]
    return rows + measure_samples(repeats)


class _Training:
    """A training that is warm: epochs on demand, and bare steps on one constant batch."""

    def __init__(self, config: TrialConfig) -> None:
        data = open_bench_data(config)
        self.config, self.epochs = config, itertools.count(1)
        network = build_model(config, data.train.num_classes).to(hardware.device())
        optimizer, average = build_optimizer(config, network), build_average(config, network)
        self.parts = Parts(network, optimizer, average, build_loss(config), 1)
        self.loader = TrainLoader(config, data, THREADS)
        first: Batch = next(iter(self.loader.epoch(0)))
        self.images, self.target = first.images.to(hardware.device()), first.target.to(hardware.device())
        self.epoch()

    def epoch(self) -> float:
        """Images per second of one epoch with augmentation."""
        count = self.loader.num_batches * self.config.batch_size
        return count / seconds_of(lambda: run_epoch(self.config, next(self.epochs), self.parts, self.loader))

    def bare(self) -> float:
        """Images per second of forward, loss, backward and step on one batch that never changes."""
        self.parts.network.train()

        def steps() -> None:
            for _ in range(self.loader.num_batches):
                with hardware.autocast(self.config):
                    logits = self.parts.network(self.images)
                value = self.parts.loss(logits, self.target)
                self.parts.optimizer.zero_grad(set_to_none=True)
                value.backward()
                self.parts.optimizer.step()

        return self.loader.num_batches * self.config.batch_size / seconds_of(steps)


def _over_bare(repeats: int, on_gpu: bool) -> Row:
    training = _Training(bench_config(decoder_width=0.5, **({"image_size": 512} if on_gpu else {})))
    return Row(
        f"training epoch, {training.config.image_size} px",
        median_ratio(repeats, training.epoch, training.bare),
        ">=",
        0.95 if on_gpu else 0.92,
        "x",
        "bare forward + backward + step on one constant batch, same model, precision, threads",
        "the average of the weights (4 ms of each step) and the hand-over of batches",
    )


def _over_plain(size: int, repeats: int) -> Row:
    training = _Training(bench_config(decoder_name="unet", image_size=size))
    batches = max(4, 18 * 128**2 // size**2)
    return Row(
        f"training epoch, Unet + lite0, {size} px",
        median_ratio(repeats, training.epoch, lambda: plain_loop.images_per_s(DATA, size, 16, batches)),
        ">=",
        2.0,
        "x",
        "plain loop: decode and paint per epoch, fp32, contiguous, same threads",
        "Unet's dense convolutions in bf16",
    )
