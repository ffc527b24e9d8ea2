"""An exported ensemble computes what torch computes, or nothing is written."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.test_ensemble_predict import make, network
from tests.tiny import tiny_config, write_photo
from trashseg_core.data.photos import read_photo
from trashseg_core.ensemble.bundle import Ensemble, Member
from trashseg_core.ensemble.loading import LoadedEnsemble
from trashseg_core.errors import BadInput
from trashseg_core.inference import onnx_export
from trashseg_core.inference.ensemble_predict import fit
from trashseg_core.inference.onnx_export import export_ensemble

pytest.importorskip("onnxruntime")
NAMES = ["Background", "paper", "metal"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        write_photo(tmp_path / "photos" / f"{number}.png", 40 + 20 * number, 50, seed=number)
    return tmp_path / "photos"


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> LoadedEnsemble:
    """Stands in for the bundle on the disk: two members of 64 and 96 px, one with flips, and offsets."""
    pair = make(("flips", "none"), (0.5, -0.5, 0.0))
    half = [0.5, 0.5, 0.5]
    members = [Member("t0000", 0.75, 64, half, half, "flips"), Member("t0003", 0.25, 96, half, half)]
    described = Ensemble(members, NAMES, {}, 0.5, 0.5, [], {}, crf={"iterations": 3})
    monkeypatch.setattr(onnx_export, "read_ensemble", lambda _: described)
    monkeypatch.setattr(onnx_export, "load_ensemble", lambda *_: pair)
    return pair


def run(path: Path, **images: np.ndarray) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, images)[0]


def squares(loaded: LoadedEnsemble, photo: Path) -> dict[str, np.ndarray]:
    fitted = fit(loaded, read_photo(photo)).squares
    return {f"images_{size}": square.transpose(2, 0, 1)[None] for size, square in fitted.items()}


def test_the_whole_and_each_member_compute_what_torch_does(
    loaded: LoadedEnsemble, photos: Path, tmp_path: Path
) -> None:
    lines = export_ensemble(tmp_path, tmp_path / "onnx", photos)
    assert len(lines) == 4 and "same labels" in lines[0] and "The CRF is not in the graph" in lines[-1]
    images = squares(loaded, photos / "2.png")
    total = 0.0
    shares = loaded.decision.weights * np.exp(loaded.decision.offsets)
    for trial, member, share in zip(("t0000", "t0003"), loaded.members, shares, strict=True):
        key = f"images_{member.config.predict_size}"
        with torch.no_grad():
            logits = onnx_export.tta_logits(member.network, torch.from_numpy(images[key]), member.tta)
        said = run(tmp_path / "onnx" / "members" / f"{trial}.onnx", **{key: images[key]})
        np.testing.assert_allclose(torch.from_numpy(said).softmax(1), logits.softmax(1), atol=1e-5)
        scaled = torch.nn.functional.interpolate(logits, (96, 96), mode="bilinear")
        total = total + torch.from_numpy(share)[:, None, None] * scaled.softmax(1)
    expected = total / total.sum(1, keepdim=True)
    np.testing.assert_allclose(run(tmp_path / "onnx" / "ensemble.onnx", **images), expected, atol=1e-5)


def test_the_whole_gives_every_class_the_same_where_no_member_is_heard(loaded: LoadedEnsemble) -> None:
    loaded.decision.weights[:] = 0
    graph = onnx_export.EnsembleGraph(loaded)
    with torch.no_grad():
        said = graph(*(torch.zeros(1, 3, size, size, dtype=torch.uint8) for size in graph.sizes))
    torch.testing.assert_close(said, torch.full((1, 3, 96, 96), 1 / 3))


def test_the_description_says_what_goes_in_and_how_near_it_comes(
    loaded: LoadedEnsemble, photos: Path, tmp_path: Path
) -> None:
    export_ensemble(tmp_path, tmp_path / "onnx", photos, batch=2)
    said = json.loads((tmp_path / "onnx" / "onnx.json").read_text())
    assert (said["class_names"], said["sizes"], said["batch"]) == (NAMES, [64, 96], 2)
    assert [one["file"] for one in said["compared_with_torch_fp32"]] == [
        "ensemble.onnx",
        "members/t0000.onnx",
        "members/t0003.onnx",
    ]
    with pytest.raises(Exception, match="(?s)images_.*Got: 1 Expected: 2"):
        run(tmp_path / "onnx" / "ensemble.onnx", **squares(loaded, photos / "0.png"))


def test_a_file_that_computes_something_else_is_never_there(
    loaded: LoadedEnsemble, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = torch.onnx.export
    other = onnx_export.MemberGraph(loaded.members[0]._replace(network=network(7), config=tiny_config()))
    monkeypatch.setattr(
        torch.onnx, "export", lambda graph, *given, **named: export(_swap(graph, other), *given, **named)
    )
    with pytest.raises(RuntimeError, match="does not compute what torch does. ensemble.onnx: .* Nothing was written"):
        export_ensemble(tmp_path, tmp_path / "onnx", photos)
    assert not (tmp_path / "onnx").exists()


def _swap(graph: torch.nn.Module, other: torch.nn.Module) -> torch.nn.Module:
    """The same graph with another first member."""
    copy = onnx_export.EnsembleGraph.__new__(onnx_export.EnsembleGraph)
    copy.__dict__ = {**graph.__dict__, "_modules": {"members": torch.nn.ModuleList([other, graph.members[1]])}}
    return copy


def test_another_folder_is_not_replaced(loaded: LoadedEnsemble, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="photos holds something else than an earlier export. Give a new folder"):
        export_ensemble(tmp_path, photos, photos)


def test_missing_packages_are_named_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"Exporting needs onnx and onnxruntime. Install the extra: pip install"):
        export_ensemble(tmp_path, tmp_path / "onnx", tmp_path)


def test_scales_are_refused_in_one_line(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    member = Member("t0000", 1.0, 64, [0.5], [0.5], "scales")
    monkeypatch.setattr(onnx_export, "read_ensemble", lambda _: Ensemble([member], NAMES, {}, 0.5, 0.5, [], {}))
    with pytest.raises(BadInput, match="t0000 averages scales .TTA 'scales'., which ONNX cannot express"):
        export_ensemble(tmp_path, tmp_path / "onnx", photos)
