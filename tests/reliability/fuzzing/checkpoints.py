"""fuzz-checkpoint: a checkpoint folder whose weights, state, configuration and confusion matrices are mutated."""

import functools
import io
import json
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from experiments.checkpoints.trial_folder import TrialFolder
from tests.reliability.fuzzing.byte_mutations import mutate_bytes
from tests.reliability.fuzzing.case import Case, each_of
from tests.reliability.fuzzing.json_mutations import change_value, mutated_json
from tests.reliability.fuzzing.networks import tiny_networks
from tests.tiny import tiny_config, write_folder
from trashseg_core.bootstrap import miou_interval
from trashseg_core.checkpoint import read_config, read_confusions, read_network, read_weights
from trashseg_core.confusion import iou, miou, miou_low
from trashseg_core.data.dataset import TrainingData, open_data
from trashseg_core.data.folder import DataFolder
from trashseg_core.errors import BadInput
from trashseg_core.train import train

CONFIG = tiny_config(image_size=32, batch_size=2, epochs=2, augment="none")
EPOCH = "trial/epoch_0001"
SHAPES = ((), (0,), (1,), (2, 3, 3), (2, 2, 2), (3, 3), (1, 3, 3), (2, 3), (2, 3, 3, 1))


def make_checkpoint(folder: Path) -> None:
    """Train a tiny network for an epoch and keep its checkpoint, and its data for going on."""
    write_folder(folder / "data", {"train": [(24, 32)] * 4, "val": [(24, 32)] * 2})

    def keep(metrics: dict[str, float], found: Path) -> None:
        shutil.copytree(found, folder / "trial" / f"epoch_{int(metrics['epoch']):04d}")

    with tiny_networks():
        train(CONFIG, data_of(folder), keep)
    shutil.rmtree(folder / "trial" / "epoch_0002")


def data_of(folder: Path) -> TrainingData:
    """The data that it was trained on."""
    return open_data(DataFolder(str(folder / "data")), CONFIG)


def checkpoint_cases(valid: Path) -> SearchStrategy[Case]:
    """One of the four files mutated in its structure or its bytes, or gone."""
    content = {path.name: path.read_bytes() for path in (valid / EPOCH).iterdir()}
    change: dict[str, Callable[[DrawFn, bytes], tuple[bytes, str]]] = {
        "model.safetensors": change_weights,
        "state.pt": change_state,
        "config.json": lambda draw, text: draw(mutated_json(json.loads(text))),
        "confusions.npz": change_confusions,
    }

    @st.composite
    def case(draw: DrawFn) -> Case:
        name = draw(st.sampled_from(sorted(change)))
        match draw(st.sampled_from(("structure", "structure", "bytes", "bytes", "gone"))):
            case "structure":
                changed, done = change[name](draw, content[name])
            case "bytes":
                changed, done = content[name], ""
                for _ in range(draw(st.sampled_from((1, 2, 3)))):
                    changed, told = mutate_bytes(draw, changed)
                    done += f"{told}; "
            case _:
                return Case({f"{EPOCH}/{name}": None}, f"no {name}")
        return Case({f"{EPOCH}/{name}": changed}, f"{name}: {done}")

    return case()


def change_weights(draw: DrawFn, content: bytes) -> tuple[bytes, str]:
    """Change a safetensors header: its length, or names, types, shapes and places of tensors."""
    size = int.from_bytes(content[:8], "little")
    if draw(st.sampled_from((False, False, False, True))):
        length = draw(st.sampled_from((0, 1, size - 1, size + 1, size + 8, 10**8, 2**31, 2**63, 2**64 - 1)))
        return length.to_bytes(8, "little") + content[8:], f"header of {length} bytes"
    header = json.loads(content[8 : 8 + size])
    if draw(st.booleans()):
        entry = header[draw(st.sampled_from([name for name in header if name != "__metadata__"]))]
        key, value = draw(
            st.sampled_from(
                [("dtype", one) for one in ("F64", "F16", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "C64", "F4", "X")]
                + [("shape", one) for one in ([], [0], [1], [-1], [2**62, 2**62], [8, 3], [3, 8, 1, 1])]
                + [("data_offsets", one) for one in ([0, 0], [0, 4], [4, 0], [0, 2**62], [0, len(content)], [-4, 0])]
            )
        )
        entry[key] = value
        text, done = json.dumps(header).encode(), f"{key} = {value}"
    else:
        text, done = draw(mutated_json(header))
    return len(text).to_bytes(8, "little") + text + content[8 + size :], done


def change_state(draw: DrawFn, content: bytes) -> tuple[bytes, str]:
    """Change values of a training state: numbers, names, tensors."""
    state: Any = torch.load(io.BytesIO(content), weights_only=True)
    told = []
    for _ in range(draw(st.sampled_from((1, 1, 2)))):
        if draw(st.booleans()) and isinstance(state, dict):
            state, done = change_tensor(draw, state)
        else:
            state, done = change_value(draw, state)
        told.append(done)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue(), "; ".join(told)


def change_tensor(draw: DrawFn, state: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Put another tensor in one's place."""
    places = [(one, key) for one in dicts_in(state) for key, value in one.items() if isinstance(value, torch.Tensor)]
    if not places:
        return state, "no tensor is left"
    container, key = places[draw(st.integers(0, len(places) - 1))]
    old = container[key]
    new = draw(
        st.sampled_from(
            (
                old.double(),
                old.flatten()[:0],
                torch.zeros(7),
                torch.full(old.shape, float("nan")),
                old[None],
                old.bool(),
            )
        )
    )
    container[key] = new
    return state, f"{key} = a tensor {tuple(new.shape)} {new.dtype}"


def dicts_in(value: Any) -> list[dict[Any, Any]]:
    """All dicts in nested dicts and lists."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [*([value] if isinstance(value, dict) else []), *(one for child in children for one in dicts_in(child))]


def change_confusions(draw: DrawFn, content: bytes) -> tuple[bytes, str]:
    """Put other arrays into the archive, pickles too, or take some out."""
    with np.load(io.BytesIO(content)) as arrays:
        found: dict[str, np.ndarray] = dict(arrays)
    name = draw(st.sampled_from(sorted(found)))
    shape = draw(st.sampled_from(SHAPES))
    kinds: dict[str, Callable[[], np.ndarray | None]] = {
        "nothing": lambda: None,
        "zeros": lambda: np.zeros(shape, np.int64),
        "negative": lambda: np.full(shape, -5, np.int64),
        "large": lambda: np.full(found["per_image"].shape, 2**62, np.int64),
        "float": lambda: np.full(found["per_image"].shape, np.nan),
        "bytes": lambda: np.full(found["per_image"].shape, 200, np.uint8),
        "complex": lambda: found["per_image"].astype(np.complex64),
        "texts": lambda: np.full(shape, "a"),
        "objects": lambda: np.array([{"a": 1}, functools.partial(print, "run")], object),
        "times": lambda: np.zeros(shape, "M8[s]"),
        "records": lambda: np.zeros(shape, [("a", "i8"), ("b", "U3")]),
    }
    kind = draw(st.sampled_from(sorted(kinds)))
    array = kinds[kind]()
    if array is None:
        del found[name]
    else:
        found[name] = array
    buffer = io.BytesIO()
    np.savez(buffer, **found)
    return buffer.getvalue(), f"{name}: {kind} {'' if array is None else array.shape}"


@tiny_networks()
def judge_checkpoint(folder: Path, scratch: Path, number: int, changed: Collection[str]) -> None:
    """Load it for prediction, go on training from it, and score it as a report does."""
    each_of(
        lambda: read_network(folder / EPOCH, read_config(folder / EPOCH), 3),
        lambda: judge_scores(folder / EPOCH),
        lambda: judge_resume(folder, scratch),
        lambda: read_weights(folder / EPOCH / "model.safetensors"),
    )


def judge_scores(checkpoint: Path) -> None:
    """What reports make of confusion matrices."""
    scored = read_confusions(checkpoint)
    total = scored.per_image.sum(axis=0)
    assert len(iou(total)) == len(scored.class_names)
    assert not miou(total) > 1 and not miou_low(scored.per_image) > 1
    low, high = miou_interval(scored.per_image)
    assert not low > high


def judge_resume(folder: Path, scratch: Path) -> None:
    """Go on from the folder of a trial with its second epoch."""
    shutil.copytree(folder / "trial", scratch / "trial")
    last = TrialFolder(scratch / "trial", "val_miou").last()
    if last is None:
        raise BadInput("no checkpoint is left: the trial starts again")
    reported: list[int] = []
    train(
        CONFIG,
        data_of(folder),
        lambda metrics, _: reported.append(int(metrics["epoch"])),
        resume_from=last,
    )
    assert reported in ([], [2]), reported
