"""The fast backward pass of depthwise convolutions gives torch's own gradients."""

import copy

import pytest
import torch
import torch.nn.functional as functional
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from trashseg_core.networks.depthwise import _Depthwise, speed_up_depthwise

CHANNELS = 5


def gradients(result: Tensor, features: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    ramp = torch.arange(result.numel(), dtype=torch.float64).view_as(result).sin().to(result.dtype)
    return torch.autograd.grad((result * ramp).sum(), (features, weight))


@pytest.mark.parametrize("size", [3, 5, 7, 9])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("height", [11, 12])
def test_gradients_are_those_of_conv2d(size: int, stride: int, padding: int, height: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, CHANNELS, height, 14, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(CHANNELS, 1, size, size, dtype=torch.float64, requires_grad=True)
    expected = functional.conv2d(features, weight, None, stride, padding, groups=CHANNELS)
    found = _Depthwise.apply(features, weight, stride, padding)
    assert torch.equal(found, expected)
    for one, other in zip(gradients(found, features, weight), gradients(expected, features, weight), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def layer(kind: type[nn.Conv2d] = nn.Conv2d, **arguments: object) -> nn.Conv2d:
    torch.manual_seed(0)
    return kind(CHANNELS, CHANNELS, groups=CHANNELS, **{"kernel_size": 5, "stride": 2, **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "module",
    [layer(padding=2), layer(padding=2, bias=False), layer(Conv2dSame), layer(Conv2dSame, kernel_size=3)],
    ids=["symmetric", "no bias", "same", "same 3x3"],
)
def test_a_layer_in_autocast_computes_what_it_did_in_bf16_precision(module: nn.Conv2d) -> None:
    features = torch.randn(2, CHANNELS, 12, 13, requires_grad=True)
    expected = module(features)
    wanted = gradients(expected, features, module.weight)
    speed_up_depthwise(module)
    with torch.autocast("cpu", torch.bfloat16):
        found = module(features)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.02)
    for one, other in zip(gradients(found, features, module.weight), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.1)


def test_outside_autocast_a_layer_is_what_it_was() -> None:
    module, features = layer(padding=2), torch.randn(2, CHANNELS, 12, 12)
    expected = module(features)
    speed_up_depthwise(module)
    assert torch.equal(module(features), expected)


@pytest.mark.parametrize(
    "module",
    [
        layer(dilation=2, padding=4),
        layer(kernel_size=(3, 5), padding=(1, 2)),
        layer(padding="same", stride=1),
        layer(kernel_size=4),
        layer(kernel_size=1),
        layer(padding=2, padding_mode="reflect"),
        layer(stride=(1, 2)),
    ],
    ids=["dilated", "not square", "text", "even", "1x1", "reflect", "two strides"],
)
def test_a_layer_of_another_kind_computes_in_fp32(module: nn.Conv2d) -> None:
    features = torch.randn(2, CHANNELS, 12, 12)
    expected = module(features)
    speed_up_depthwise(module)
    with torch.autocast("cpu", torch.bfloat16):
        found = module(features)
    assert torch.equal(found, expected)


def test_dense_layers_stay_torch_s_own() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(1, 1, 3))
    speed_up_depthwise(module)
    assert all("forward" not in vars(one) for one in module)


def test_a_copy_computes_with_its_own_weights() -> None:
    """The moving average of the weights is a deep copy of the network."""
    module = layer(padding=2)
    speed_up_depthwise(module)
    clone = copy.deepcopy(module)
    with torch.no_grad():
        clone.weight.zero_()
    features = torch.ones(1, CHANNELS, 8, 8)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert clone.bias is not None
        assert torch.equal(clone(features)[0, :, 0, 0], clone.bias.bfloat16())
        assert not torch.equal(module(features), clone(features))


class PadsItself(nn.Conv2d):
    """Stands in for the convolution of smp's EfficientNet: its padding lies in a forward of its own."""

    def forward(self, features: Tensor) -> Tensor:
        """Pad, then convolve."""
        return super().forward(functional.pad(features, (2, 2, 2, 2)))


def test_a_convolution_with_a_forward_of_its_own_keeps_it() -> None:
    module, features = layer(PadsItself), torch.randn(2, CHANNELS, 12, 12)
    expected = module(features)
    speed_up_depthwise(module)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(module(features).float(), expected, rtol=0.02, atol=0.02)
