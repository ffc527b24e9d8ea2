"""Weights move as the schedule, the decay groups and the moving average say."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from tests.tiny import tiny_config
from trashseg_core.optim import build_average, build_optimizer, encoder_ratios, set_lr
from trashseg_core.training.madgrad_foreach import Madgrad

OPTIMIZERS = ("madgrad", "adamw", "sgd", "lion")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def test_set_lr_reaches_every_group() -> None:
    optimizer = build_optimizer(tiny_config(), network())
    set_lr(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.5]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_spares_norms_and_biases(name: str) -> None:
    optimizer = build_optimizer(tiny_config(optimizer=name, weight_decay=0.3), network())
    by_decay: dict[float, list[int]] = {group["weight_decay"]: [] for group in optimizer.param_groups}
    for group in optimizer.param_groups:
        by_decay[group["weight_decay"]] += [parameter.ndim for parameter in group["params"]]
    assert by_decay == {0.3: [4, 4], 0.0: [1, 1, 1, 1]}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_lowers_a_loss(name: str) -> None:
    model = network()
    optimizer = build_optimizer(tiny_config(optimizer=name, lr=1e-2), model)
    images, losses = torch.randn(4, 3, 8, 8), []
    for _ in range(20):
        optimizer.zero_grad()
        loss = ((model(images) - 1) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("name", "field", "value"), [("sgd", "momentum", 0.7), ("madgrad", "momentum", 0.7), ("adamw", "lr", 0.02)]
)
def test_an_optimizer_gets_the_values_of_the_config(name: str, field: str, value: float) -> None:
    fields: dict[str, Any] = {"optimizer": name, field: value}
    assert {group[field] for group in build_optimizer(tiny_config(**fields), network()).param_groups} == {value}


def test_sgd_without_momentum_is_possible() -> None:
    assert build_optimizer(tiny_config(optimizer="sgd", momentum=0), network()).param_groups[0]["nesterov"] is False


def step_from_1(gradients: list[float], **fields: Any) -> float:
    """Where a weight of 1 lies after a step for each gradient."""
    weight = nn.Linear(1, 1, bias=False)
    weight.weight.data.fill_(1.0)
    optimizer = build_optimizer(tiny_config(lr=0.1, **fields), weight)
    for gradient in gradients:
        weight.weight.grad = torch.full((1, 1), gradient)
        optimizer.step()
    return float(weight.weight.detach())


def test_sgd_looks_ahead_by_nesterov_s_momentum() -> None:
    assert step_from_1([2.0], optimizer="sgd", momentum=0.5, weight_decay=0.0) == pytest.approx(1 - 0.1 * (2 + 0.5 * 2))


def test_lion_steps_by_the_sign_and_decays_by_rate_times_decay() -> None:
    """Chen et al. 2023, arXiv 2302.06675, algorithm 2: with beta 0.9 and 0.99 a small turn does not change the sign."""
    found = step_from_1([2.0, -0.01], optimizer="lion", weight_decay=0.5)
    assert found == pytest.approx((1 - 0.05) * ((1 - 0.05) * 1 - 0.1) - 0.1)


def test_adamw_steps_by_its_moments_and_decays_by_rate_times_decay() -> None:
    """Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2, with beta 0.9 and 0.999."""
    weight, first, second = 1.0, 0.0, 0.0
    for step, gradient in enumerate((2.0, -0.5, 1.0), 1):
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        weight *= 1 - 0.1 * 0.5
        weight -= 0.1 * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)) ** 0.5 + 1e-8)
    found = step_from_1([2.0, -0.5, 1.0], optimizer="adamw", weight_decay=0.5)
    assert found == pytest.approx(weight, rel=1e-5)


def test_no_average_is_none() -> None:
    assert build_average(tiny_config(weight_average="none"), network()) is None


def test_swa_is_the_plain_mean_of_what_it_was_given() -> None:
    model = network()
    swa = build_average(tiny_config(weight_average="swa"), model)
    assert swa is not None
    seen = []
    for value in (1.0, 2.0, 6.0):
        nn.init.constant_(model[0].weight, value)
        swa.update_parameters(model)
        seen.append(value)
    torch.testing.assert_close(swa.module[0].weight, torch.full_like(model[0].weight, sum(seen) / len(seen)))


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_average_equals_the_plain_formula_for_weights_and_batch_norm_statistics(decay: float) -> None:
    model = network()
    ema = build_average(tiny_config(ema_decay=decay), model)
    assert ema is not None
    expected: dict[str, torch.Tensor] = {}
    for step in range(8):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        model(torch.randn(4, 3, 8, 8))
        ema.update_parameters(model)
        share = min(decay, (1 + step) / (10 + step)) if step else 0.0
        for key, value in model.state_dict().items():
            old = expected.get(key, value).double()
            expected[key] = share * old + (1 - share) * value.double() if value.is_floating_point() else value.clone()
    averaged = ema.module.state_dict()
    assert "1.running_var" in averaged and "1.num_batches_tracked" in averaged
    for key, value in expected.items():
        torch.testing.assert_close(averaged[key].double(), value.double(), rtol=1e-5, atol=1e-6)


def test_the_average_leaves_the_model_alone() -> None:
    model = network()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    ema = build_average(tiny_config(), model)
    assert ema is not None
    ema.update_parameters(model)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_the_encoder_learns_at_its_share_of_the_rate() -> None:
    """The groups of a model with an encoder carry the ratio through every step of the schedule."""
    model = nn.ModuleDict({"encoder": nn.Conv2d(1, 2, 3), "decoder": nn.Conv2d(2, 2, 3)})
    optimizer = build_optimizer(tiny_config(lr=0.01, encoder_lr_ratio=0.2), model)
    set_lr(optimizer, 0.005)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert [rates[id(p)] for p in model["encoder"].parameters()] == pytest.approx([0.001, 0.001])
    assert [rates[id(p)] for p in model["decoder"].parameters()] == pytest.approx([0.005, 0.005])


ENCODER = [
    "model.encoder.conv1.w",
    "model.encoder.layers.0.w",
    "model.encoder.layers.0.b",
    "model.encoder.layers.1.0.w",
]


def test_each_stage_of_the_encoder_learns_slower_than_the_next() -> None:
    config = tiny_config(encoder_lr_ratio=0.4, encoder_layer_decay=0.5)
    ratios = encoder_ratios(config, [*ENCODER, "model.decoder.0.w"])
    assert ratios == pytest.approx(dict(zip(ENCODER, (0.1, 0.2, 0.2, 0.4), strict=True)))


def test_stages_of_a_timm_encoder_are_its_blocks() -> None:
    config = tiny_config(encoder_lr_ratio=1.0, encoder_layer_decay=0.5)
    names = ["encoder.model.conv_stem.w", "encoder.model.blocks.0.0.w", "encoder.model.blocks.1.3.w"]
    assert list(encoder_ratios(config, names).values()) == pytest.approx([0.25, 0.5, 1.0])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_foreach_madgrad_takes_the_package_s_trajectory(momentum: float, decay: float) -> None:
    """50 steps in double precision, with a weight that gets no gradient at first, as in a frozen encoder."""
    torch.manual_seed(0)
    start = [torch.randn(shape, dtype=torch.float64) for shape in ((4, 3, 3, 3), (4,), (7, 4))]
    gradients = [[torch.randn_like(weight) for weight in start] for _ in range(50)]
    ends = []
    for foreach in (False, True):
        weights = [nn.Parameter(weight.clone()) for weight in start]
        groups = [{"params": weights[:2], "weight_decay": decay}, {"params": weights[2:], "lr": 0.003}]
        optimizer = Madgrad(groups, lr=0.01, momentum=momentum, foreach=foreach)
        for step, given in enumerate(gradients):
            for index, (weight, gradient) in enumerate(zip(weights, given, strict=True)):
                weight.grad = None if index == 1 and step < 5 else gradient.clone()
            optimizer.step()
        ends.append(weights)
    for one, other in zip(*ends, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_foreach_madgrad_goes_on_from_the_package_s_state() -> None:
    weight, other = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    first, second = Madgrad([weight], 0.1, 0.9, foreach=False), Madgrad([other], 0.1, 0.9, foreach=True)
    for _ in range(2):
        weight.grad = torch.tensor([1.0, 2.0, 3.0])
        first.step()
    with torch.no_grad():
        other.copy_(weight)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for each, optimizer in ((weight, first), (other, second)):
        each.grad = torch.tensor([1.0, 2.0, 3.0])
        optimizer.step()
    torch.testing.assert_close(weight, other)
