"""One epoch: accumulation, clipping, freezing, memory that runs out, auxiliary losses."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.tiny import tiny_config
from trashseg_core.config import TrialConfig
from trashseg_core.errors import TrainingFailed
from trashseg_core.losses import build_loss, jensen_shannon
from trashseg_core.models import Network, build_model
from trashseg_core.optim import build_average, build_optimizer
from trashseg_core.training import epoch as epoch_module
from trashseg_core.training.epoch import Parts, run_epoch
from trashseg_core.training.loader import Batch

CLASSES, SIZE = 3, 32


class OneBatch:
    """Stands in for a TrainLoader: the same samples in every step."""

    def __init__(self, batch: Batch, num_batches: int = 1) -> None:
        self.batch, self.num_batches = batch, num_batches

    def epoch(self, epoch: int) -> list[Batch]:
        return [self.batch] * self.num_batches


def batch(count: int = 4, views: bool = False) -> Batch:
    torch.manual_seed(0)
    images = torch.randint(0, 256, (3, count, 3, SIZE, SIZE), dtype=torch.uint8)
    target = torch.randint(0, CLASSES, (count, SIZE, SIZE))
    target[:, :4] = 255
    return Batch(images[0], target, images[1:] if views else None)


def plain_network() -> Network:
    """Without BatchNorm, so that a batch in parts has the gradients of the whole."""
    torch.manual_seed(0)
    return Network(
        nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, CLASSES, 1)), (0.5,) * 3, (0.5,) * 3
    )


def build(config: TrialConfig, network: Network | None = None) -> Parts:
    network = network or plain_network()
    optimizer, average = build_optimizer(config, network), build_average(config, network)
    return Parts(network, optimizer, average, build_loss(config), config.accumulation)


def one_epoch(network: Network | None = None, given: Batch | None = None, epoch: int = 1, **fields: Any) -> Parts:
    """Parts after one step in fp32 on one batch."""
    config = tiny_config(**{"loss_mix": "ce", "optimizer": "sgd", "momentum": 0, "warmup": 0, **fields})
    parts = build(config, network)
    run_epoch(config, epoch, parts, OneBatch(given or batch()))  # type: ignore[arg-type]
    return parts


def weights_of(parts: Parts) -> dict[str, Tensor]:
    return parts.network.model.state_dict()


def test_a_batch_in_parts_takes_the_step_of_the_whole() -> None:
    whole, parts = one_epoch(), one_epoch(accumulation=2)
    for name, value in weights_of(whole).items():
        torch.testing.assert_close(weights_of(parts)[name], value, rtol=1e-5, atol=1e-7)


def test_the_reported_loss_is_the_mean_of_the_parts() -> None:
    losses = []
    for accumulation in (1, 2):
        config = tiny_config(loss_mix="ce", accumulation=accumulation)
        losses.append(run_epoch(config, 1, build(config), OneBatch(batch())))  # type: ignore[arg-type]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_clipping_limits_the_norm_of_the_step() -> None:
    start = plain_network().model.state_dict()

    def length(parts: Parts) -> float:
        return float(torch.stack([(weights_of(parts)[name] - value).norm() for name, value in start.items()]).norm())

    free = one_epoch(lr=1.0, weight_decay=0)
    clipped = one_epoch(lr=1.0, weight_decay=0, clip_norm=0.01)
    assert length(free) > 0.02
    assert length(clipped) == pytest.approx(0.01, rel=1e-3)


def real_network(**fields: Any) -> Network:
    torch.manual_seed(0)
    return build_model(tiny_config(**fields), CLASSES)


def test_a_frozen_encoder_stays_as_it_is_statistics_included() -> None:
    before = {name: value.clone() for name, value in real_network().model.state_dict().items()}
    parts = one_epoch(real_network(), freeze_epochs=1)
    changed = {name for name, value in weights_of(parts).items() if not torch.equal(value, before[name])}
    assert changed and not [name for name in changed if name.startswith("encoder.")]


def test_the_encoder_learns_once_the_freezing_is_over() -> None:
    before = {name: value.clone() for name, value in real_network().model.state_dict().items()}
    config = tiny_config(freeze_epochs=1)
    parts = build(config, real_network())
    for epoch in (1, 2):
        run_epoch(config, epoch, parts, OneBatch(batch()))  # type: ignore[arg-type]
    name = "encoder.model.conv_stem.weight"
    assert not torch.equal(weights_of(parts)[name], before[name])


class Scarce(Network):
    """Runs out of memory for more than `room` samples at a time."""

    room = 2

    def with_presence(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().with_presence(images)


def scarce(room: int) -> Network:
    network = Scarce(plain_network().model, (0.5,) * 3, (0.5,) * 3)
    network.room = room
    return network


def test_when_memory_runs_out_the_batch_is_halved_and_takes_the_same_step() -> None:
    parts = one_epoch(scarce(2))
    assert (parts.accumulation, parts.ran_out) == (2, True)
    expected = weights_of(one_epoch())
    for name, value in weights_of(parts).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-7)


def test_when_memory_runs_out_again_the_trial_ends_with_that_reason() -> None:
    with pytest.raises(TrainingFailed, match="does not suffice for 4 samples of 64 px at a time, halved already"):
        one_epoch(scarce(2), batch(8), batch_size=8)


def test_a_batch_that_cannot_be_halved_ends_the_trial() -> None:
    with pytest.raises(TrainingFailed, match="does not suffice for 2 samples"):
        one_epoch(scarce(1), batch(2), batch_size=2)


@pytest.mark.parametrize("fault", [RuntimeError("something else")])
def test_other_errors_are_not_taken_for_a_lack_of_memory(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Tensor:
        raise fault

    monkeypatch.setattr(epoch_module, "_gradients", fail)
    with pytest.raises(RuntimeError, match="something else"):
        one_epoch()


def test_the_consistency_of_views_is_part_of_the_loss() -> None:
    fields = {"color_augmix_ratio": 1.0, "jsd_weight": 5.0, "loss_mix": "ce"}
    config, network, given = tiny_config(**fields), plain_network(), batch(views=True)
    found = run_epoch(config, 1, build(config, network), OneBatch(given))  # type: ignore[arg-type]
    assert given.views is not None
    with torch.no_grad():
        logits = [plain_network()(images) for images in (given.images, *given.views)]
        alone = float(build_loss(config)(logits[0], given.target))
        expected = alone + 5.0 * float(jensen_shannon(logits, given.target))
    assert found == pytest.approx(expected, rel=1e-4) and found > alone * 1.01


def test_the_auxiliary_head_learns_which_classes_are_shown() -> None:
    given = batch()
    given.target[:2] = 0
    config = tiny_config(presence_weight=1.0, lr=0.05, decoder_name="fpn", weight_average="none", warmup=0)
    parts = build(config, real_network(presence_weight=1.0, decoder_name="fpn"))
    for _ in range(25):
        run_epoch(config, 1, parts, OneBatch(given))  # type: ignore[arg-type]
    presence = parts.network.with_presence(given.images)[1]
    assert presence is not None
    shown = presence.detach().sigmoid() > 0.5
    assert shown.tolist() == [[True, False, False]] * 2 + [[True, True, True]] * 2


def test_without_an_auxiliary_loss_there_is_no_auxiliary_head() -> None:
    assert real_network().with_presence(batch().images)[1] is None
