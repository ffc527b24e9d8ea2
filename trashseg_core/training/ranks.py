"""Ranks: the processes that train one model together, each on its share of every batch."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from trashseg_core.training.synced_norm import SyncedNorm

PATIENCE = timedelta(days=7)
"""How long ranks wait for the first one to score, report and be paused; its death is noticed at once."""


class FirstRankLeft(RuntimeError):
    """Rank 0 was stopped or failed; the others end with it."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train the model; alone by default.

    A batch of several ranks is one batch: losses are those of all its samples together, BatchNorm's statistics too, so
    that the number of ranks changes sums' order, and which random numbers dropout gets, but nothing else. Gradients
    are added up in one go after the backward pass instead of by DistributedDataParallel, whose reducer knows neither
    frozen stages that thaw, nor weights without a gradient, nor models called by other names than `forward`.
    """

    rank: int = 0
    size: int = 1
    host_group: "dist.ProcessGroup | None" = None
    """For tensors in host memory, whatever the device computes with."""

    @property
    def is_first(self) -> bool:
        """Whether this process reports and keeps checkpoints."""
        return self.rank == 0

    def synced_norm(self) -> AbstractContextManager[object]:
        """Within it, BatchNorm takes the statistics of all ranks' samples."""
        return nullcontext() if self.size == 1 else SyncedNorm(self.size)

    def gather(self, share: Tensor) -> Tensor:
        """Put the shares of all ranks together as they lay in the batch; only this one's carries a gradient.

        Args:
            share: (b, ...), of the same shape everywhere.

        Returns:
            (b · size, ...)
        """
        if self.size == 1:
            return share
        shares = [torch.empty_like(share, memory_format=torch.contiguous_format) for _ in range(self.size)]
        dist.all_gather(shares, share.detach().contiguous())
        shares[self.rank] = share
        return torch.stack(shares, dim=1).flatten(0, 1)

    def add_gradients(self, network: nn.Module) -> None:
        """Replace each gradient by its sum over the ranks."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        total = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(total)
        for gradient, summed in zip(gradients, total.split([one.numel() for one in gradients]), strict=True):
            gradient.copy_(summed.view_as(gradient))

    def add_up(self, values: Tensor) -> None:
        """Replace a tensor in host memory by its sum over the ranks."""
        if self.size > 1:
            dist.all_reduce(values, group=self.host_group)

    def copy_first(self, network: nn.Module) -> None:
        """Take over the weights and statistics of rank 0."""
        if self.size > 1:
            for values in (*network.parameters(), *network.buffers()):
                copied = values.detach().clone(memory_format=torch.contiguous_format)
                dist.broadcast(copied, 0)
                values.detach().copy_(copied)

    def run_on_first(self, work: Callable[[], None]) -> None:
        """Do something on rank 0 while the others wait.

        Raises:
            FirstRankLeft: on the others, where it raised.
        """
        if self.size == 1:
            return work()
        went_well = torch.zeros(1)
        try:
            if self.is_first:
                work()
                went_well.fill_(1)
        finally:  # a scheduler ends a trial by an exception out of its report
            dist.broadcast(went_well, 0, group=self.host_group)
        if not went_well:
            raise FirstRankLeft("rank 0 was stopped or failed")


ALONE = Ranks()


def find_ranks() -> Ranks:
    """This process's place in torch's process group, or alone where there is none. All ranks call it together."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return ALONE
    host_group = dist.new_group(timeout=PATIENCE, backend="gloo")
    assert isinstance(host_group, dist.ProcessGroup)
    return Ranks(dist.get_rank(), dist.get_world_size(), host_group)
