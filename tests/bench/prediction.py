"""Prediction's pace: an ensemble's label maps against its bare networks, its memory, and the writing of the CSV."""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from tests.bench.end_to_end import DATA
from tests.bench.rows import Row
from tests.bench.timing import bench_config, median_ratio, seconds_of
from trashseg_core import hardware
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.photos import read_photo
from trashseg_core.ensemble.loading import LoadedEnsemble, LoadedMember
from trashseg_core.inference.decision import Decision
from trashseg_core.inference.ensemble_predict import BATCH, Place, predict_photos
from trashseg_core.models import build_model
from trashseg_core.submission import write_rows

NUM_CLASSES = 11
DECODERS = ("segformer", "fpn", "unet")
PHOTOS = 24
FEW, MANY = 80, 800


def measure(repeats: int) -> list[Row]:
    """Measure every figure `repeats` times, its two sides in turn."""
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is missing: the prediction bench needs the real photos.")
    return [*(_over_bare(size, repeats) for size in (256, 512)), _memory(), _submission(repeats)]


def bench_ensemble(size: int) -> LoadedEnsemble:
    """Three members of the default encoder with three decoders, random weights, no TTA."""
    members = []
    for decoder in DECODERS:
        config = bench_config(image_size=size, decoder_name=decoder)
        network = build_model(config, NUM_CLASSES, pretrained=False).to(hardware.device()).eval()
        members.append(LoadedMember(network, config))
    weights = np.full((len(members), NUM_CLASSES), 1 / len(members), np.float32)
    return LoadedEnsemble(members, Decision(weights, np.zeros(NUM_CLASSES, np.float32)))


def bench_photos(count: int) -> list[Place]:
    """Photos of garbage6's test split, over and over."""
    folder = DataFolder(str(DATA))
    photos = folder.read("test").photos
    places = [(folder.photo_path(photo), (photo.height, photo.width)) for photo in photos]
    return [places[index % len(places)] for index in range(count)]


@torch.inference_mode()
def _forwards(ensemble: LoadedEnsemble, images: torch.Tensor) -> None:
    """The bare forwards of every member, one constant batch after another."""
    for member in ensemble.members:
        for _ in range(PHOTOS // BATCH):
            with hardware.autocast(member.config):
                member.network(images)


def _over_bare(size: int, repeats: int) -> Row:
    ensemble, photos = bench_ensemble(size), bench_photos(PHOTOS)
    images = torch.randint(0, 256, (BATCH, size, size, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    images = images.to(hardware.device())
    for warm in (lambda: _forwards(ensemble, images), lambda: list(predict_photos(ensemble, photos[:BATCH]))):
        warm()
    height, width = read_photo(photos[0][0]).shape[:2]
    return Row(
        f"photos/s of a 3-member ensemble, {size} px, from {width} x {height} JPEGs to label maps",
        median_ratio(
            repeats,
            lambda: 1 / seconds_of(lambda: sum(1 for _ in predict_photos(ensemble, photos))),
            lambda: 1 / seconds_of(lambda: _forwards(ensemble, images)),
        ),
        ">=",
        0.9,
        "x",
        "the sum of the bare forwards, one constant batch, same models, precision, threads",
        "what decoding, softmax and argmax take from the cores that the networks share",
    )


def _memory() -> Row:
    few, many = (_peak_mb(count) for count in (FEW, MANY))
    return Row(
        f"peak memory of predicting {MANY} photos, above that of {FEW}",
        many / few - 1,
        "<=",
        0.05,
        "x",
        f"{FEW} photos: {few:.0f} MiB",
        "two batches of logits",
    )


def _peak_mb(count: int) -> float:
    """Peak resident memory in MiB of a process that predicts so many photos."""
    code = f"from tests.bench.prediction import predict_many; predict_many({count})"
    ran = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return float(ran.stdout)


def predict_many(count: int) -> None:
    """Predict photos at 64 px, and print this process's peak resident memory in MiB."""
    ensemble = bench_ensemble(64)
    hardware.reset_peak_memory()
    for _ in predict_photos(ensemble, bench_photos(count)):
        pass
    print(hardware.peak_memory_mb())


def _submission(repeats: int) -> Row:
    rng = np.random.default_rng(0)
    names = [f"batch/{number}.jpg" for number in range(50)]
    maps = [rng.integers(0, NUM_CLASSES, (256, 256), dtype=np.uint8) for _ in names]

    def naive(stream: io.StringIO) -> None:
        stream.write("image_id,PredictionString\n")
        for name, row in zip(names, maps, strict=True):
            stream.write(f"{name},{' '.join(str(v) for v in row.ravel())}\n")

    def own(stream: io.StringIO) -> None:
        write_rows(stream, names, maps, NUM_CLASSES)

    def seconds(write: object) -> float:
        with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "a.csv", "w", encoding="utf-8") as stream:
            return seconds_of(lambda: write(stream))

    texts = [io.StringIO(), io.StringIO()]
    own(texts[0])
    naive(texts[1])
    assert texts[0].getvalue() == texts[1].getvalue()
    return Row(
        f"rows of a submission of {len(names)} photos, {NUM_CLASSES} classes",
        1 / median_ratio(repeats, lambda: seconds(own), lambda: seconds(naive)),
        ">=",
        20,
        "x",
        "' '.join(str(v) for v in row) of the same labels, byte-identical",
        "writing the file",
    )
