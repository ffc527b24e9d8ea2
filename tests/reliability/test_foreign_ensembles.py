"""An ensemble folder from elsewhere is data within limits: what is more is refused in a line, and nothing is done."""

import copy
import json
import os
import resource
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import run_search
from tests.reliability.cases import Cases
from tests.tiny import tiny_config, write_folder
from trashseg_core.checkpoint import CONFIG, WEIGHTS, write_weights
from trashseg_core.ensemble.bundle import DESCRIPTION, Ensemble, Member, write_ensemble
from trashseg_core.models import build_model

pytestmark = pytest.mark.reliability("foreign-ensembles")
MEMBER = Path("members") / "t0000"
NAN = float("nan")
Document = dict[str, Any]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A sound ensemble folder of one member, and a data folder with a photo to predict."""
    base = tmp_path_factory.mktemp("foreign")
    (base / "checkpoint").mkdir()
    write_weights(base / "checkpoint", tiny_config(), build_model(tiny_config(), 2).model)
    member = Member("t0000", 1.0, 64, [0.5] * 3, [0.5] * 3)
    ensemble = Ensemble([member], ["Background", "paper"], {"1": 1}, 0.5, 0.5, [], {})
    write_ensemble(base / "ensemble", ensemble, {"t0000": base / "checkpoint"})
    return base / "ensemble", write_folder(base / "data", {"test": [(30, 40)]})


def refused(folder: Path, data: Path, capsys: pytest.CaptureFixture[str], out: Path) -> str:
    """The one line that `predict` refuses an ensemble with; nothing was written, and hardly any memory taken."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code = run_search.main(["predict", str(folder), str(data / "test.json"), "--out", str(out)])
    said = capsys.readouterr().err
    assert code == 2 and said.count("\n") == 1 and len(said) < 5000, said[:1000]
    assert not [path for path in out.rglob("*") if path.name != "classes.json"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000, "KiB"
    return said


def test_the_sound_folder_predicts(folders: tuple[Path, Path], tmp_path: Path) -> None:
    ensemble, data = folders
    assert run_search.main(["predict", str(ensemble), str(data / "test.json"), "--out", str(tmp_path / "out")]) == 0


def member(**replaced: Any) -> Callable[[Document], None]:
    """A change of the only member."""
    return lambda document: document["members"][0].update(replaced)


def whole(**replaced: Any) -> Callable[[Document], None]:
    """A change of the ensemble."""
    return lambda document: document.update(replaced)


def many(document: Document) -> None:
    """More members than anybody has."""
    one = document["members"][0]
    document["members"] = [{**one, "weight": 1 / 20_000}] * 20_000


def heavy(weights: list[Any]) -> Callable[[Document], None]:
    """Members with these weights."""

    def change(document: Document) -> None:
        one = document["members"][0]
        document["members"] = [{**one, "weight": weight} for weight in weights]

    return change


DESCRIPTIONS: dict[str, tuple[Callable[[Document], None], str]] = {
    "a path upwards": (member(trial_id="../../x"), "not a plain name"),
    "an absolute path": (member(trial_id="/etc"), "not a plain name"),
    "a folder below": (member(trial_id="a/b"), "not a plain name"),
    "the folder itself": (member(trial_id=".."), "not a plain name"),
    "a NUL": (member(trial_id="a\0b"), "control character"),
    "a line break": (member(trial_id="a\nb"), "control character"),
    "a number as an id": (member(trial_id=7), "damaged"),
    "an id of a megabyte": (member(trial_id="a" * 2**20), "has 1048576 characters"),
    "an unknown field of a member": (member(code="import os"), "damaged"),
    "an unknown field": (whole(loader="os.system"), "damaged"),
    "a field of a megabyte": (whole(**{"x" * 2**20: 1}), "damaged"),
    "a schema to come": (whole(schema=4), "schema 4 is unknown"),
    "a schema of text": (whole(schema="3"), "schema '3' is unknown"),
    "no schema": (lambda document: document.pop("schema"), "schema None is unknown"),
    "a list as a schema": (whole(schema=[3] * 10_000), "is unknown"),
    "no members": (whole(members=[]), "must be positive and sum to 1"),
    "members as text": (whole(members="t0000"), "damaged"),
    "many members": (many, "has 20,000 members, but may have 1,000"),
    "a weight that is no number": (heavy([NAN]), "NaN is no finite number"),
    "a negative weight": (heavy([2.0, -1.0]), "must be positive and sum to 1"),
    "a huge weight": (heavy([1e308, 1e308]), "must be positive and sum to 1"),
    "an endless weight": (heavy([float("inf")]), "Infinity is no finite number"),
    "a weight of text": (heavy(["1.0"]), "damaged"),
    "class weights below 0": (member(class_weights=[2.0, -1.0]), "class weights must be"),
    "class weights that are no numbers": (member(class_weights=[NAN, 1.0]), "NaN is no finite number"),
    "offsets without end": (whole(class_offsets=[float("inf"), 0.0]), "Infinity is no finite number"),
    "a huge image": (member(image_size=10**9), "the image size of t0000 is 1000000000, but must be 32 to 8192"),
    "an image of text": (member(image_size="64"), "`image_size` is '64'"),
    "unknown views": (member(tta="__import__('os')"), "the TTA of t0000"),
    "a class name of a megabyte": (whole(class_names=["Background", "x" * 2**20]), "has 1048576 characters"),
    "a class name that colours": (whole(class_names=["Background", "\x1b[31mred"]), "control character"),
    "classes that are numbers": (whole(class_names=[1, 2]), "`class_names` is [1, 2]"),
    "very many classes": (whole(class_names=[str(one) for one in range(100_000)]), "a list of 2 to 255 names"),
    "endless CRF": (whole(crf={"iterations": 10**9}), "`iterations` is 1000000000"),
    "a CRF with more to it": (whole(crf={"kernel": "os.system"}), "damaged"),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_description_that_cannot_be_is_refused(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    ensemble, data = folders
    folder = shutil.copytree(ensemble, tmp_path / "ensemble")
    change, told = DESCRIPTIONS[name]
    document = copy.deepcopy(json.loads((folder / DESCRIPTION).read_text()))
    change(document)
    (folder / DESCRIPTION).write_text(json.dumps(document))
    assert told in refused(folder, data, capsys, tmp_path / "out")


CONFIGS: dict[str, tuple[Document, str]] = {
    "an encoder of a hub": ({"encoder_name": "tu-hf-hub:evil/model"}, "neither smp nor timm has"),
    "an encoder of a local folder": ({"encoder_name": "tu-local-dir:/tmp"}, "neither smp nor timm has"),
    "an encoder behind an address": ({"encoder_name": "https://evil.com/x.pth"}, "neither smp nor timm has"),
    "an encoder that is a path": ({"encoder_name": "../../x"}, "neither smp nor timm has"),
    "an encoder of a megabyte": ({"encoder_name": "x" * 2**20}, "neither smp nor timm has"),
    "a huge image": ({"image_size": 10**9}, "must be between 32 and 4096"),
    "an unknown field": ({"code": "import os"}, "Unknown hyperparameter `code`"),
    "an unknown decoder": ({"decoder_name": "os.system"}, "must be one of"),
    "a much larger network": ({"encoder_name": "tu-vgg19", "decoder_name": "unetplusplus"}, "Wrong architecture"),
    "a number as a name": ({"encoder_name": 7}, "must be of type str"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_that_cannot_be_is_refused(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    ensemble, data = folders
    folder = shutil.copytree(ensemble, tmp_path / "ensemble")
    replaced, told = CONFIGS[name]
    path = folder / MEMBER / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | replaced))
    assert told in refused(folder, data, capsys, tmp_path / "out")


def header_of(size: int, shape: list[int]) -> bytes:
    """The start of a safetensors file with one tensor of so many bytes."""
    header = json.dumps({"encoder.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header


def ten_gigabytes(path: Path) -> None:
    """Weights of 10 GB, nearly all of it a hole in the file."""
    size = 10 * 2**30
    head = header_of(size, [size // 4])
    path.write_bytes(head)
    os.truncate(path, len(head) + size)


def declared(path: Path) -> None:
    """Weights that say they were of 2^60 bytes."""
    path.write_bytes(header_of(2**60, [2**58]) + b"\0" * 64)


def long_header(path: Path) -> None:
    """Weights with a header of 2^60 bytes."""
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}")


def leading_out(path: Path) -> None:
    """A link to a file of somebody else."""
    path.unlink()
    path.symlink_to("/etc/hostname")


def pipe(path: Path) -> None:
    """Something that never ends to be read."""
    path.unlink()
    os.mkfifo(path)


def device(path: Path) -> None:
    """A link to a device that never ends."""
    path.unlink()
    path.symlink_to("/dev/zero")


def folder_instead(path: Path) -> None:
    """A folder where a file should be."""
    path.unlink()
    path.mkdir()


def deep(path: Path) -> None:
    """JSON that is nested too deeply for a parser."""
    path.write_text("[" * 200_000)


def large(path: Path) -> None:
    """JSON of 65 MiB."""
    path.write_bytes(b" " * (65 * 2**20))


FILES = [
    *((name, damage) for name in (WEIGHTS,) for damage in (ten_gigabytes, declared, long_header)),
    *((name, damage) for name in (WEIGHTS, CONFIG) for damage in (leading_out, pipe, device, folder_instead)),
    *((name, damage) for name in (CONFIG, DESCRIPTION) for damage in (deep, large)),
    *((DESCRIPTION, damage) for damage in (leading_out, pipe, device, folder_instead)),
]


def test_files_that_are_too_large_or_lead_out_are_refused(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], cases: Cases
) -> None:
    ensemble, data = folders
    cases.add(len(FILES))
    for number, (name, damage) in enumerate(FILES):
        folder = shutil.copytree(ensemble, tmp_path / f"ensemble{number}")
        damage(folder / name if name == DESCRIPTION else folder / MEMBER / name)
        refused(folder, data, capsys, tmp_path / "out")


def test_a_member_s_folder_that_leads_out_is_refused(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ensemble, data = folders
    folder = shutil.copytree(ensemble, tmp_path / "ensemble")
    (folder / MEMBER).rename(tmp_path / "elsewhere")
    (folder / MEMBER).symlink_to(tmp_path / "elsewhere")
    assert "leads out of the ensemble folder" in refused(folder, data, capsys, tmp_path / "out")
