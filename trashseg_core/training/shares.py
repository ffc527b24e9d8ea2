"""How a batch is shared among the workers that train one model together."""

from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput


def check_share(config: TrialConfig, num_workers: int) -> None:
    """Refuse a configuration that so many workers cannot train together.

    Raises:
        BadInput: the batch cannot be shared evenly, or `compile` is on.
    """
    if config.batch_size % (config.accumulation * num_workers):
        parts = f"{num_workers} workers" + (f" x `accumulation` {config.accumulation}" * (config.accumulation > 1))
        given = f"`batch_size` is {config.batch_size}"
        raise BadInput(f"{given}, which {parts} cannot share evenly. Take a multiple of them, or fewer workers.")
    if config.compile and num_workers > 1:
        raise BadInput("`compile` works with one worker only. Leave it off, or train each trial on one GPU.")
