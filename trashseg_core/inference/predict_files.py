"""Label maps of any photos as PNG files, resumable."""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from trashseg_core.data.folder import DataFolder
from trashseg_core.disk.files import atomic_bytes, write_json
from trashseg_core.ensemble.bundle import read_ensemble
from trashseg_core.ensemble.loading import load_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.inference.ensemble_predict import Place, Prediction, predict_photos

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def find_photos(images: Path, out: Path, caps: DataFolder | None = None) -> list[tuple[Place, Path]]:
    """List the photos of a folder (with its subfolders, but not the output folder), a COCO file, or a single photo.

    Args:
        caps: how a COCO file is read: its caps, and whether links may lead out of its folder.

    Returns:
        (place, name of its outputs relative to the output folder, without suffix), sorted by name.

    Raises:
        BadInput: there is nothing to predict, or an output would take the place of another one or of a photo.
    """
    if images.is_dir():
        below = (Path(place, name) for place, _, names in os.walk(images) for name in names)
        found = [path for path in below if path.suffix.lower() in SUFFIXES]
        for path in found:
            if not path.is_file():  # rather than a label map that nobody misses
                raise BadInput(f"{path}: not a regular file, or a link to nothing. Put the photo itself there.")
        if out.resolve() != images.resolve():
            found = [path for path in found if not path.resolve().is_relative_to(out.resolve())]
        photos: list[tuple[Place, Path]] = [((path, None), path.relative_to(images).with_suffix("")) for path in found]
    elif images.suffix.lower() == ".json":
        folder = replace(
            caps or DataFolder(""), path=str(images.parent.absolute()), test_file=images.name, skip_bad=False
        )
        split = folder.read("test")
        photos = [
            ((folder.photo_path(photo), (photo.height, photo.width)), Path(photo.file_name).with_suffix(""))
            for photo in split.photos
        ]
    elif images.exists():
        photos = [((images, None), Path(images.stem))]
    else:
        raise BadInput(f"{images}: no such folder, photo or COCO file.")
    if not photos:
        raise BadInput(f"{images}: no photo with the suffix {', '.join(SUFFIXES)}.")
    names = [name for _, name in photos]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"{images}: two photos are called {twice} but for their suffix. Rename one.")
    if any((out / f"{name}.png").resolve() == path.resolve() for (path, _), name in photos):
        raise BadInput(f"`--out {out}` would write over the photos. Give another folder.")
    return sorted(photos, key=lambda photo: str(photo[1]))


def predict_files(
    ensemble_dir: Path,
    images: Path,
    out: Path,
    overlays: bool = False,
    progress: Callable[[int, int], None] | None = None,
    probabilities: bool = False,
    caps: DataFolder | None = None,
) -> int:
    """Write `NAME.png`, a label map at the photo's own size, for every photo; photos with all their files are kept.

    Args:
        overlays: also write `NAME.overlay.jpg`, the photo with coloured labels.
        probabilities: also write `NAME.probabilities.npy`, float16 (C, H, W), whose argmax the labels are.
        caps: of photos and of a COCO file; see `find_photos`.

    Returns:
        Number of photos predicted now.

    Raises:
        BadInput: the ensemble or a photo cannot be used.
    """
    ensemble, caps = read_ensemble(ensemble_dir), caps or DataFolder("")
    endings = [".overlay.jpg"] * overlays + [".probabilities.npy"] * probabilities + [".png"]
    photos = find_photos(images, out, caps)
    left = [
        (place, name) for place, name in photos if not all((out / f"{name}{ending}").is_file() for ending in endings)
    ]
    if not left:
        return 0
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "classes.json", dict(enumerate(ensemble.class_names)))
    loaded = load_ensemble(ensemble_dir, ensemble)
    predicted = predict_photos(loaded, [place for place, _ in left], caps.max_megapixels, probabilities)
    for done, ((_, name), prediction) in enumerate(zip(left, predicted, strict=True), 1):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        _write(out / name, prediction, overlays)
        if progress:
            progress(done, len(left))
    return len(left)


def _write(stem: Path, prediction: Prediction, overlays: bool) -> None:
    """Write the files of one photo, the label map last: its presence says that the photo is done."""
    from trashseg_core.inference.overlay import draw_overlay

    if overlays:
        overlay = Image.fromarray(draw_overlay(prediction.rgb, prediction.labels))
        _save(f"{stem}.overlay.jpg", lambda stream: overlay.save(stream, format="JPEG", quality=90))
    if prediction.probabilities is not None:
        halves = prediction.probabilities.astype(np.float16)
        _save(f"{stem}.probabilities.npy", lambda stream: np.save(stream, halves))
    labels = Image.fromarray(prediction.labels)
    _save(f"{stem}.png", lambda stream: labels.save(stream, format="PNG"))


def _save(name: str, write: Callable[[BinaryIO], None]) -> None:
    content = io.BytesIO()  # Pillow writes JPEGs past Python, and on a full disk leaves half of one without an error
    write(content)
    with atomic_bytes(Path(name)) as stream:
        stream.write(content.getbuffer())
