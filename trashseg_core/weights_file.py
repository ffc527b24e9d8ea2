"""The weights of a network: a safetensors file, which holds arrays and no code."""

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from trashseg_core.config import TrialConfig
from trashseg_core.errors import BadInput
from trashseg_core.models import weight_shapes


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read all weights of a file.

    Raises:
        BadInput: the file is missing or damaged.
    """
    try:
        return load_file(path)
    except Exception as error:  # SafetensorError, OSError; KeyError for a type that torch does not have
        raise _unreadable(path, error) from None


def check_whole(path: Path) -> None:
    """Look whether a file is whole: its table can be read, and it is as long as the table says.

    Raises:
        BadInput: the file is missing or damaged.
    """
    _shapes_in(path)


def check_shapes(path: Path, config: TrialConfig, num_classes: int) -> None:
    """Hold the names and shapes in a file against the network's before memory is taken for either.

    Raises:
        BadInput: the file is missing or damaged, or a key differs; the first one is named.
    """
    _compare(weight_shapes(config, num_classes), _shapes_in(path), path)


def load_weights(model: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Load weights whose names, shapes and types are exactly the model's.

    Args:
        path: where they come from.

    Raises:
        BadInput: naming the first key that differs, or whose values are not finite.
    """
    if not all(isinstance(value, Tensor) for value in weights.values()):
        raise BadInput(f"{path}: holds weights that are no tensors. Take another checkpoint.")
    own = model.state_dict()
    shapes, given = ({key: tuple(value.shape) for key, value in one.items()} for one in (own, weights))
    _compare(shapes, given, path)
    for key, value in weights.items():
        if own[key].dtype != value.dtype:
            raise BadInput(f"{path}: `{key}` holds {value.dtype}, but the model needs {own[key].dtype}.")
        if not value.isfinite().all():  # would predict the background everywhere
            raise BadInput(f"{path}: `{key}` is not finite, so the file is damaged. Take another checkpoint.")
    model.load_state_dict(weights)


def _shapes_in(path: Path) -> dict[str, tuple[int, ...]]:
    try:
        with safe_open(path, "pt") as opened:
            return {key: tuple(opened.get_slice(key).get_shape()) for key in opened.keys()}
    except Exception as error:  # as above
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> BadInput:
    reason = " ".join(str(error).split())[:120]
    return BadInput(f"{path}: weights cannot be read ({reason}). Take another checkpoint.")


def _compare(own: dict[str, tuple[int, ...]], given: dict[str, tuple[int, ...]], path: Path) -> None:
    for key in sorted(own.keys() | given.keys()):
        if key not in own or key not in given:
            raise BadInput(f"{path}: `{key[:100]}` is {'missing' if key in own else 'unknown'}. Wrong architecture?")
        if own[key] != given[key]:
            raise BadInput(
                f"{path}: `{key}` has shape {given[key]}, but the model needs {own[key]}. "
                "Wrong architecture or number of classes?"
            )
