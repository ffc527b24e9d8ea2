"""Data folders with one thing wrong, and the verbs that have to refuse them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import run_search
from experiments.manifest import Manifest
from experiments.settings import SearchSettings
from tests.reliability.cases import Cases
from tests.test_cli import own_signal_handlers
from tests.tiny import FASTEST, listing, tiny_config, write_folder
from trashseg_core.checkpoint import Confusions, write_weights
from trashseg_core.ensemble.bundle import Ensemble, Member, write_ensemble
from trashseg_core.models import build_model

__all__ = ["own_signal_handlers"]

Capture = pytest.CaptureFixture[str]
Document = dict[str, Any]
SIZES = {"train": [(30, 40)] * 3, "val": [(30, 40)] * 2, "test": [(30, 40)]}


def good_folder(folder: Path) -> Path:
    """Three train, two val and one test photo of 40 x 30 px, with a square on each."""
    return write_folder(folder, SIZES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good data folder; what the verbs write lies beside it."""
    return good_folder(tmp_path / "data")


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble in a run folder, for `predict` and `submit`."""
    base = tmp_path_factory.mktemp("ensemble")
    return write_bundle(base / "run", good_folder(base / "data"))


def read(folder: Path, split: str = "train") -> Document:
    """The annotation file of a split."""
    document: Document = json.loads((folder / f"{split}.json").read_text(encoding="utf-8"))
    return document


def change(folder: Path, mutate: Callable[[Document], Any], split: str = "train") -> None:
    """Rewrite an annotation file after `mutate` has been at it. NaN and lone surrogates are written as they are."""
    document = read(folder, split)
    mutate(document)
    (folder / f"{split}.json").write_text(json.dumps(document), encoding="utf-8")


def words_of(verb: str, folder: Path, ensemble: Path | None = None) -> list[str]:
    """The command line of a verb over a data folder; all that it writes lies beside the folder."""
    beside = folder.parent
    small = ["--set", "image_size=32", *(f"{name}={FASTEST[name]}" for name in FASTEST if name.startswith("encoder"))]
    match verb:
        case "check" | "check --all":
            return [*verb.split()[:1], str(folder), *verb.split()[1:]]
        case "train":
            return ["train", "--data", str(folder), "--out", str(beside / "single"), *small, "epochs=1"]
        case "search":
            runs = ["--name", "first", "--out", str(beside / "runs")]
            return [
                "search",
                "--data",
                str(folder),
                "--space",
                "quick",
                *runs,
                "--trials",
                "1",
                "--epochs",
                "1",
                *small,
            ]
        case "predict":
            return ["predict", f"{ensemble}", str(folder / "test.json"), "--out", str(beside / "labels")]
        case "submit":
            return ["submit", f"{ensemble and ensemble.parent}", "--test", str(folder / "test.json")]
    raise AssertionError(verb)


def refused(
    capsys: Capture,
    cases: Cases,
    folder: Path,
    said: str,
    verbs: tuple[str, ...] = ("check", "train"),
    more: tuple[str, ...] = (),
    ensemble: Path | None = None,
) -> None:
    """Every verb ends with exit code 2 and one line that says `said`; the folder stays as it is.

    Args:
        more: flags that all the verbs get.
        ensemble: for `predict` and `submit`.
    """
    before = listing(folder) if os.path.isdir(folder) else None
    for verb in verbs:
        cases.add()
        code = run_search.main([*words_of(verb, folder, ensemble), *more])
        out, err = capsys.readouterr()
        assert (code, err.count("\n"), err[-1:]) == (2, 1, "\n"), (verb, code, err)
        assert said in err, (verb, err)
        assert len(err) < 1000, err
        assert "Traceback" not in out + err
    assert before is None or listing(folder) == before


def accepted(capsys: Capture, cases: Cases, folder: Path, more: tuple[str, ...] = ()) -> str:
    """`check` has nothing to say against the folder; returns what it prints."""
    cases.add()
    code = run_search.main([*words_of("check", folder), *more])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


def write_bundle(run: Path, data: Path) -> Path:
    """A run folder with an ensemble of one small network with random weights; returns the ensemble."""
    torch.manual_seed(0)
    (run / "checkpoint").mkdir(parents=True)
    write_weights(run / "checkpoint", tiny_config(), build_model(tiny_config(), 3).model)
    names = ["Background", "paper", "metal"]
    ensemble = Ensemble([Member("t0000", 1.0, 64, [0.5] * 3, [0.5] * 3)], names, {"1": 1, "2": 2}, 0.5, 0.5, [], {})
    scored = Confusions(np.zeros((1, 3, 3), np.int64), ["a.jpg"], names)
    write_ensemble(run / "ensemble", ensemble, {"t0000": run / "checkpoint"}, scored)
    Manifest(SearchSettings(str(data), "quick", run.name, out=str(run.parent)), "0.1", {}, {}).write(run)
    return run / "ensemble"
