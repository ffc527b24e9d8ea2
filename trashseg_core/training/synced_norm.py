"""SyncedNorm: BatchNorm with the statistics of all ranks, on any device."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as functional
from torch import Tensor
from torch.overrides import TorchFunctionMode


class SyncedNorm(TorchFunctionMode):
    """While it is on, every training `batch_norm` normalises over the samples of all ranks.

    torch's SyncBatchNorm refuses tensors in host memory, and its conversion would drop the activation that timm's
    norm layers hold. A mode needs no conversion: names, weights and averages of the model stay as they are.
    """

    def __init__(self, num_ranks: int) -> None:
        super().__init__()
        self._num_ranks = num_ranks

    def __torch_function__(
        self, function: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        """Take over the norm and let everything else pass."""
        if function is functional.batch_norm:
            return self._batch_norm(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))

    def _batch_norm(
        self,
        values: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """As `torch.nn.functional.batch_norm`."""
        if not training:
            return functional.batch_norm(values, running_mean, running_var, weight, bias, training, momentum, eps)
        var, mean = torch.var_mean(values.float(), [0, *range(2, values.dim())], correction=0)
        shift = torch.zeros_like(mean) if running_mean is None else running_mean.clone()
        mean, square = _MeanOverRanks.apply(torch.stack([mean - shift, var + (mean - shift) ** 2]))
        var, mean = square - mean**2, mean + shift  # around a shift near the mean, so that nothing cancels
        if running_mean is not None and running_var is not None:
            count = values.numel() // values.shape[1] * self._num_ranks
            with torch.no_grad():
                running_mean.lerp_(mean, momentum)
                running_var.lerp_(var * (count / (count - 1)), momentum)
        scale = (var + eps).rsqrt() if weight is None else (var + eps).rsqrt() * weight
        shape = [1, -1] + [1] * (values.dim() - 2)
        normed = (values - mean.view(shape)) * scale.view(shape)
        return (normed if bias is None else normed + bias.view(shape)).to(values.dtype)


class _MeanOverRanks(torch.autograd.Function):
    """The mean of a tensor over the ranks; so is its gradient's."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        """Every rank gets the mean."""
        return _mean(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """What all ranks' losses say of the mean, shared alike."""
        return _mean(gradient)


def _mean(values: Tensor) -> Tensor:
    mean = values.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(mean)
    return mean / dist.get_world_size()
