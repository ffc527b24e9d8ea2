"""Why a trial of several workers ended: a death is tried again, a mistake is reported."""

import pytest
import torch.distributed as dist
from ray.exceptions import RayActorError, RayTaskError

from experiments.placement.peers import WorkerLost, find_cause
from trashseg_core.errors import BadInput, TrainingFailed

ECHO = RuntimeError("[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]")


def of_task(cause: Exception) -> RayTaskError:
    """What Ray raises for an exception in another process."""
    return RayTaskError("run", "traceback", cause)


def test_the_death_of_a_worker_is_what_counts() -> None:
    cause = find_cause(ECHO, [of_task(ECHO), RayActorError()])
    assert isinstance(cause, WorkerLost) and "died" in str(cause)


def test_the_mistake_of_another_worker_is_reported_instead_of_its_echo_here() -> None:
    assert isinstance(find_cause(ECHO, [of_task(ECHO), of_task(BadInput("no such class"))]), BadInput)


def test_this_workers_own_mistake_comes_first() -> None:
    own = TrainingFailed("diverged")
    assert find_cause(own, [of_task(ECHO)]) is own


@pytest.mark.parametrize("error", [ECHO, dist.DistNetworkError("no route"), dist.DistBackendError("NCCL timeout")])
def test_a_lost_contact_without_a_mistake_is_tried_again(error: Exception) -> None:
    cause = find_cause(error, [of_task(ECHO)])
    assert isinstance(cause, WorkerLost) and "out of reach" in str(cause)
