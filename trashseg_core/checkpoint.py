"""A checkpoint folder: the weights to use, the state to go on from, and what they scored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from trashseg_core.config import TrialConfig
from trashseg_core.disk.files import read_json, write_json
from trashseg_core.disk.full_disk import named_errors
from trashseg_core.disk.zip_files import check_zip
from trashseg_core.errors import BadInput
from trashseg_core.models import Network, build_model
from trashseg_core.val_confusions import CONFUSIONS as CONFUSIONS
from trashseg_core.val_confusions import Confusions, write_confusions
from trashseg_core.val_confusions import read_confusions as read_confusions
from trashseg_core.weights_file import load_weights as load_weights
from trashseg_core.weights_file import read_weights as read_weights

WEIGHTS, STATE, CONFIG = "model.safetensors", "state.pt", "config.json"
ENTRY_BYTES, FRAME_BYTES = 1024, 2**17
"""What a file format adds to each tensor (name, shape, alignment), and to a folder (plain values, configuration)."""


def write_checkpoint(
    folder: Path, config: TrialConfig, model: nn.Module, state: dict[str, Any], confusions: Confusions
) -> None:
    """Fill an empty folder. Whoever keeps it makes that atomic (`files.commit_folder`).

    Args:
        model: the weights to use (the moving average where it is on).
        state: what training needs to go on; tensors and plain types only.

    Raises:
        OSError: naming the file, e.g. on a full disk.
    """
    write_weights(folder, config, model)
    with named_errors(folder / STATE), open(folder / STATE, "wb") as stream:
        torch.save(state, stream)
    with named_errors(folder / CONFUSIONS):
        write_confusions(folder, confusions)


def checkpoint_bytes(model: nn.Module, state: dict[str, Any], confusions: Confusions) -> int:
    """Bytes that `write_checkpoint` takes on disk at most, known before it is called."""
    tensors = [*model.state_dict().values(), *_tensors_in(state)]
    names = np.array(confusions.file_names).nbytes + np.array(confusions.class_names).nbytes
    content = sum(tensor.nbytes for tensor in tensors) + confusions.per_image.nbytes + names
    return content + ENTRY_BYTES * len(tensors) + FRAME_BYTES


def _tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in nested dicts, lists and tuples."""
    match value:
        case Tensor():
            yield value
        case dict():
            for one in value.values():
                yield from _tensors_in(one)
        case list() | tuple():
            for one in value:
                yield from _tensors_in(one)


def write_weights(folder: Path, config: TrialConfig, model: nn.Module) -> None:
    """Write `config.json` and `model.safetensors`: all that prediction needs."""
    with named_errors(folder / WEIGHTS):
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / WEIGHTS)
    write_json(folder / CONFIG, config.to_dict())


def read_config(folder: Path) -> TrialConfig:
    """Read the config of a checkpoint or member folder.

    Raises:
        BadInput: the file is missing, damaged or not a config.
    """
    params = read_json(folder / CONFIG)
    if not isinstance(params, dict):
        raise BadInput(f"{folder / CONFIG}: not a configuration. Expected an object with TrialConfig fields.")
    return TrialConfig.from_params(params)


def read_network(folder: Path, config: TrialConfig, num_classes: int) -> Network:
    """Build the network of a checkpoint or member folder with its weights.

    Raises:
        BadInput: the weights are missing, damaged, or of another architecture or number of classes.
    """
    network = build_model(config, num_classes, pretrained=False)
    load_weights(network.model, read_weights(folder / WEIGHTS), folder / WEIGHTS)
    return network


def read_state(folder: Path) -> dict[str, Any]:
    """Read what training needs to go on; nothing in the file is executed.

    Raises:
        BadInput: the file is missing or damaged.
    """
    try:
        check_zip(folder / STATE, packed=False)
        state = torch.load(folder / STATE, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or not isinstance(state["epoch"], int) or state["epoch"] < 1:
            raise ValueError("no state of a training")
        return state
    except BadInput:
        raise
    except Exception as error:  # torch raises many kinds for a damaged file
        raise BadInput(f"{folder / STATE}: cannot be read ({type(error).__name__}). Remove this folder.") from None
