"""An ensemble as ONNX files, compared with torch on photos before they get their names."""

import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from trashseg_core.data.photos import read_photo
from trashseg_core.disk.files import atomic_folder, write_json
from trashseg_core.ensemble.bundle import read_ensemble
from trashseg_core.ensemble.loading import LoadedEnsemble, LoadedMember, load_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.inference.ensemble_predict import fit
from trashseg_core.inference.predict_files import find_photos
from trashseg_core.inference.tta import TTA_SETS, tta_logits

OPSET = 17
COMPARED_PHOTOS = 8
MAX_DIFFERENCE, MIN_AGREEMENT = 1e-3, 0.999
DESCRIPTION = "onnx.json"


@dataclass(frozen=True)
class Agreement:
    """How near a file comes to torch in fp32."""

    file: str
    max_difference: float
    """Of any probability."""
    same_labels: float
    """Share of the pixels."""

    def __str__(self) -> str:
        return (
            f"{self.file}: probabilities off by at most {self.max_difference:.1e}, {self.same_labels:.4%} same labels"
        )


class MemberGraph(nn.Module):
    """One member with its views: images uint8 (B, 3, S, S) -> what stands for logits, float (B, C, S, S)."""

    def __init__(self, member: LoadedMember) -> None:
        super().__init__()
        self.network, self.tta = member.network.float().cpu().eval(), member.tta
        self.size = member.config.predict_size

    def forward(self, images: Tensor) -> Tensor:
        """Average the views."""
        return tta_logits(self.network, images, self.tta)


class EnsembleGraph(nn.Module):
    """The whole: the photo in the square of each size, ascending -> probabilities (B, C, S, S) in the largest.

    Weights and offsets are in the graph. It averages in the square, `predict` at the photo's own size.
    """

    def __init__(self, ensemble: LoadedEnsemble) -> None:
        super().__init__()
        self.members = nn.ModuleList(MemberGraph(member) for member in ensemble.members)
        self.sizes = sorted({member.config.predict_size for member in ensemble.members})
        shares = torch.from_numpy(ensemble.decision.weights * np.exp(ensemble.decision.offsets))
        self.register_buffer("shares", shares[:, None, :, None, None])

    def forward(self, *squares: Tensor) -> Tensor:
        """Decide as `Decision.probabilities` does without a CRF."""
        by_size, largest = dict(zip(self.sizes, squares, strict=True)), (self.sizes[-1], self.sizes[-1])
        total = torch.zeros(())
        for member, share in zip(self.members, self.get_buffer("shares"), strict=True):
            assert isinstance(member, MemberGraph)
            logits = member(by_size[member.size])
            if member.size != largest[0]:
                logits = functional.interpolate(logits, largest, mode="bilinear")
            total = total + share * logits.softmax(dim=1)
        total = total + (total.sum(dim=1, keepdim=True) == 0)  # as `shares_of` does
        return total / total.sum(dim=1, keepdim=True)


def export_ensemble(ensemble_dir: Path, out: Path, photos: Path, batch: int | None = None) -> list[str]:
    """Write `ensemble.onnx`, `members/TRIAL.onnx` and what they are, `onnx.json`, into a new folder.

    Takes torch's TorchScript exporter: the newer one needs the package onnxscript and writes the same networks.

    Args:
        photos: where photos to compare on are found; the first eight are taken.
        batch: fixed number of photos of a call; None leaves it open.

    Returns:
        A sentence about every file, and one about what is not in the graph.

    Raises:
        BadInput: a package is missing, the ensemble cannot be exported, or `out` is in use.
        RuntimeError: a file does not compute what torch does; nothing is written.
    """
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(f"Exporting needs {' and '.join(missing)}. Install the extra: pip install 'trashseg[onnx]'")
    if out.exists() and not (out / DESCRIPTION).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} holds something else than an earlier export. Give a new folder.")
    ensemble = read_ensemble(ensemble_dir)
    for member in ensemble.members:
        if any(view.scale != 1 for view in TTA_SETS[member.tta]):
            raise BadInput(
                f"{ensemble_dir}: {member.trial_id} averages scales (TTA {member.tta!r}), which ONNX cannot express. "
                "Build the ensemble with the views none, flip, flips or d4."
            )
    loaded = load_ensemble(ensemble_dir, ensemble)
    places = [place for place, _ in find_photos(photos, out)][: batch or COMPARED_PHOTOS]
    fitted = [fit(loaded, read_photo(*place)).squares for place in places]
    fitted = fitted + fitted[:1] * ((batch or 0) - len(fitted))
    squares = {size: _to_tensor([one[size] for one in fitted]) for size in fitted[0]}
    whole = EnsembleGraph(loaded).eval()
    with atomic_folder(out) as temporary:
        (temporary / "members").mkdir()
        agreements = [_export(whole, [squares[size] for size in whole.sizes], temporary, "ensemble.onnx", batch)]
        for member, graph in zip(ensemble.members, whole.members, strict=True):
            assert isinstance(graph, MemberGraph)
            file = f"members/{member.trial_id}.onnx"
            agreements.append(_export(graph, [squares[graph.size]], temporary, file, batch))
        write_json(temporary / DESCRIPTION, _describe(whole, ensemble.class_names, batch, agreements, ensemble.crf))
    lines = [str(agreement) for agreement in agreements]
    return (
        lines if ensemble.crf is None else [*lines, "The CRF is not in the graph: it follows it, on the photo itself"]
    )


def _to_tensor(squares: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).contiguous()


@torch.no_grad()
def _export(graph: nn.Module, images: Sequence[Tensor], folder: Path, file: str, batch: int | None) -> Agreement:
    """Write one graph, run it, and compare."""
    import onnxruntime

    inputs = [f"images_{one.shape[-1]}" for one in images]
    output = "probabilities" if isinstance(graph, EnsembleGraph) else "logits"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # notes for those who write exporters
        torch.onnx.export(
            graph,
            tuple(one[: batch or 2] for one in images),
            folder / file,
            dynamo=False,
            opset_version=OPSET,
            input_names=inputs,
            output_names=[output],
            dynamic_axes=None if batch else {name: {0: "batch"} for name in (*inputs, output)},
        )
    session = onnxruntime.InferenceSession(folder / file, providers=["CPUExecutionProvider"])
    said = session.run(None, {name: one.numpy() for name, one in zip(inputs, images, strict=True)})[0]
    return compare(file, graph(*images), torch.from_numpy(said), is_softmax=output == "probabilities")


def compare(file: str, expected: Tensor, said: Tensor, is_softmax: bool) -> Agreement:
    """Compare two outputs (B, C, S, S) of a graph.

    Raises:
        RuntimeError: they differ by more than rounding does.
    """
    if not is_softmax:
        expected, said = expected.softmax(dim=1), said.softmax(dim=1)
    same = float((expected.argmax(dim=1) == said.argmax(dim=1)).float().mean())
    agreement = Agreement(file, float((expected - said).abs().max()), same)
    if not agreement.max_difference <= MAX_DIFFERENCE or agreement.same_labels < MIN_AGREEMENT:
        raise RuntimeError(f"The export does not compute what torch does. {agreement}. Nothing was written.")
    return agreement


def _describe(
    whole: EnsembleGraph,
    class_names: list[str],
    batch: int | None,
    agreements: list[Agreement],
    crf: dict[str, Any] | None,
) -> dict[str, object]:
    """What a user of the files has to know."""
    return {
        "class_names": class_names,
        "input": "uint8 RGB (batch, 3, S, S), one per size S: longer side scaled to S, black padding right and below",
        "sizes": whole.sizes,
        "output": "probabilities (batch, classes, S, S) in the largest square; members give logits in their own",
        "batch": batch,
        "opset": OPSET,
        "compared_with_torch_fp32": [asdict(agreement) for agreement in agreements],
        "crf": crf,
    }
