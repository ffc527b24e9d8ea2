"""Depthwise convolutions in bf16 on a CPU: torch's own backward pass is up to twenty times slower than it need be.

Measured per layer of EfficientNet-lite0 at 128 px, batch 16, one core with AVX512-bf16, oneDNN of torch 2.14: the
weight gradient of a 5x5 kernel takes 13 to 21 ms in bf16 and 3 to 8 ms in fp32, but 0.8 to 2.7 ms as windows of 3x3;
the input gradient at stride 2 takes 16 to 39 ms in bf16, but 0.3 to 2.9 ms in fp32.
"""

import functools
from typing import Any

import torch
import torch.nn.functional as functional
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.padding import pad_same
from torch import Tensor, nn

WINDOW = 3
"""Side of the kernels whose weight gradient oneDNN computes fast."""


def speed_up_depthwise(model: nn.Module) -> None:
    """Let every depthwise convolution of a model take the fast way in bf16 autocast on a CPU; nothing else changes."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels:
            ordinary = functools.partial(type(module).forward, module)
            module.forward = functools.partial(_forward, module, ordinary)  # type: ignore[method-assign]


def _forward(module: nn.Conv2d, ordinary: Any, features: Tensor) -> Tensor:
    if features.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return ordinary(features)
    with torch.autocast("cpu", enabled=False):
        if not _is_plain(module):
            return ordinary(features.float())
        features, weight = features.bfloat16(), module.weight.bfloat16()
        padding = int(module.padding[0])
        if isinstance(module, Conv2dSame):
            features = pad_same(features, list(module.kernel_size), list(module.stride))
            padding = 0
        result = _Depthwise.apply(features, weight, module.stride[0], padding)
        return result if module.bias is None else result + module.bias.bfloat16().view(1, -1, 1, 1)


def _is_plain(module: nn.Conv2d) -> bool:
    """Whether `_Depthwise` covers it: one filter per channel, an odd square kernel, zero padding, no dilation.

    Other classes of convolutions, like that of smp's EfficientNet, may pad in a forward of their own.
    """
    height, width = module.kernel_size
    numeric = not isinstance(module.padding, str) and module.padding[0] == module.padding[1] < height
    return (
        type(module) in (nn.Conv2d, Conv2dSame)
        and module.out_channels == module.in_channels
        and height == width
        and height % 2 == 1
        and height >= WINDOW
        and module.stride[0] == module.stride[1]
        and module.dilation == (1, 1)
        and module.padding_mode == "zeros"
        and numeric
    )


class _Depthwise(torch.autograd.Function):
    """conv2d with one k x k filter per channel, each gradient by its fastest way."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        """Convolve features (B, C, H, W) with filters (C, 1, k, k)."""
        ctx.save_for_backward(features, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(features, weight, None, stride, padding, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        """Gradients of features and filters."""
        features, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        to_features = to_weight = None
        if ctx.needs_input_grad[0]:
            to_features = _feature_gradient(gradient, features, weight, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            to_weight = _weight_gradient(gradient, features, weight, ctx.stride, ctx.padding)
        return to_features, to_weight, None, None


def _feature_gradient(gradient: Tensor, features: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """The same convolution with the filter turned round; a stride puts zeros between the gradient's pixels."""
    size = weight.shape[-1]
    height, width = features.shape[2:]
    if stride > 1:
        shape = (*gradient.shape[:2], height + 2 * padding - size + 1, width + 2 * padding - size + 1)
        spread = gradient.new_zeros(shape).contiguous(memory_format=torch.channels_last)
        spread[:, :, ::stride, ::stride] = gradient
        gradient = spread
    return functional.conv2d(gradient, weight.flip(2, 3), padding=size - 1 - padding, groups=len(weight))


def _weight_gradient(gradient: Tensor, features: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Gradient of each 3x3 window of the filter: that of a 3x3 filter on a part of the padded features."""
    size = weight.shape[-1]
    if size == WINDOW:
        return _window_gradient(gradient, features, weight, stride, padding)
    features = functional.pad(features, (padding,) * 4)
    height, width = ((side - 1) * stride + WINDOW for side in gradient.shape[2:])
    corners = sorted({*range(0, size - WINDOW + 1, WINDOW), size - WINDOW})  # the last window may overlap
    result, window = torch.empty_like(weight), weight[:, :, :WINDOW, :WINDOW]
    for top in corners:
        for left in corners:
            part = features[:, :, top : top + height, left : left + width]
            found = _window_gradient(gradient, part, window, stride, 0)
            result[:, :, top : top + WINDOW, left : left + WINDOW] = found
    return result


def _window_gradient(gradient: Tensor, features: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Gradient of a small filter, by torch itself."""
    stride_2d, padding_2d, no_dilation, only_weight = [stride] * 2, [padding] * 2, [1, 1], [False, True, False]
    gradients = torch.ops.aten.convolution_backward(
        gradient, features, weight, None, stride_2d, padding_2d, no_dilation, False, [0, 0], len(weight), only_weight
    )
    return gradients[1]
