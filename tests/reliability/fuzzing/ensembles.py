"""fuzz-ensemble: an ensemble folder whose ensemble.json, and sometimes a member's config.json, is mutated."""

import json
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from PIL import Image

from tests.reliability.fuzzing.case import Case, each_of
from tests.reliability.fuzzing.json_mutations import mutated_json
from tests.reliability.fuzzing.networks import tiny_networks
from tests.tiny import tiny_config, tiny_network, write_photo
from trashseg_core.checkpoint import write_weights
from trashseg_core.ensemble.bundle import Ensemble, Member, held_out_from_val, read_ensemble, write_ensemble
from trashseg_core.inference.predict_files import predict_files

CLASSES = ["Background", "paper", "metal"]
MEMBER = "ensemble/members/t0001/config.json"


def make_ensemble(folder: Path) -> None:
    """Write an ensemble of two tiny members with everything that an ensemble can have, and a photo."""
    checkpoints = {}
    for number, trial_id in enumerate(("t0000", "t0001")):
        config = tiny_config(image_size=32, seed=number)
        checkpoints[trial_id] = folder / "checkpoints" / trial_id
        checkpoints[trial_id].mkdir(parents=True)
        torch.manual_seed(number)
        write_weights(checkpoints[trial_id], config, tiny_network(config, len(CLASSES)).model)
    members = [
        Member("t0000", 0.75, 32, [0.5] * 3, [0.5] * 3, "flip", [0.5, 0.8, 0.95]),
        Member("t0001", 0.25, 32, [0.5] * 3, [0.5] * 3, "none", [0.5, 0.2, 0.05], fold=1),
    ]
    step = {"name": "single", "val_miou": 0.5, "held_out": 0.4, "standard_error": 0.01, "cost": 1, "kept": True}
    crf = {"iterations": 2, "gaussian_sxy": 3.0, "gaussian_compat": 3.0, "bilateral_sxy": 5.0}
    ensemble = Ensemble(
        members,
        CLASSES,
        {"1": 1, "2": 2},
        0.6,
        0.5,
        [{"added": "t0000", "val_miou": 0.5}],
        {"search": "made", "trials": ["t0000", "t0001"]},
        [0.0, 0.1, -0.1],
        crf,
        [0.4, 0.6],
        [step],
        [0.3, 0.7],
    )
    write_ensemble(folder / "ensemble", ensemble, checkpoints)
    write_photo(folder / "photos" / "a.png", 20, 28)


def ensemble_cases(valid: Path) -> SearchStrategy[Case]:
    """`ensemble.json` mutated, sometimes a member's configuration."""
    document = json.loads((valid / "ensemble/ensemble.json").read_text())
    config = json.loads((valid / MEMBER).read_text())

    @st.composite
    def case(draw: DrawFn) -> Case:
        which = draw(st.sampled_from(("ensemble",) * 6 + ("member", "both", "gone")))
        files, told = dict[str, bytes | None](), []
        if which in ("ensemble", "both"):
            files["ensemble/ensemble.json"], done = draw(mutated_json(document))
            told.append(f"ensemble.json: {done}")
        if which in ("member", "both"):
            files[MEMBER], done = draw(mutated_json(config))
            told.append(f"config.json: {done}")
        if which == "gone":
            name = draw(st.sampled_from((MEMBER, "ensemble/members/t0000/model.safetensors", "ensemble/ensemble.json")))
            files[name], told = None, [f"no {name}"]
        return Case(files, "; ".join(told))

    return case()


@tiny_networks()
def judge_ensemble(folder: Path, scratch: Path, number: int, changed: Collection[str]) -> None:
    """Predict with it, as `predict` does, and read it as a report and `submit` do."""
    each_of(
        lambda: held_out_from_val(read_ensemble(folder / "ensemble")).offsets(),
        lambda: judge_prediction(folder, scratch / "out", probabilities=number % 2 == 1),
    )


def judge_prediction(folder: Path, out: Path, probabilities: bool) -> None:
    """The label map of a photo: its size and labels."""
    predict_files(folder / "ensemble", folder / "photos", out, overlays=True, probabilities=probabilities)
    labels = np.asarray(Image.open(out / "a.png"))
    num_classes = len(json.loads((out / "classes.json").read_text()))
    assert labels.dtype == np.uint8 and labels.shape == (20, 28) and labels.max() < num_classes
    if probabilities:
        assert np.isfinite(np.load(out / "a.probabilities.npy")).all()
