"""Label maps of any photos as PNG files, resumable."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from trashseg_core.data.photos import MAX_MEGAPIXELS
from trashseg_core.ensemble.bundle import load_members, read_ensemble
from trashseg_core.errors import BadInput
from trashseg_core.inference.ensemble_predict import predict_photos

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def find_photos(images: Path) -> list[tuple[Path, Path]]:
    """List the photos of a folder (with its subfolders), a COCO file, or a single photo.

    Returns:
        (path, name of its outputs relative to the output folder, without suffix), sorted by name.

    Raises:
        BadInput: there is nothing to predict, or two photos would write the same output.
    """
    if images.is_dir():
        found = [path for path in images.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
        photos = [(path, path.relative_to(images).with_suffix("")) for path in found]
    elif images.suffix.lower() == ".json":
        from trashseg_core.data.folder import DataFolder

        folder = DataFolder(str(images.parent.absolute()), test_file=images.name)
        split = folder.read("test")
        photos = [(folder.photo_path(photo), Path(photo.file_name).with_suffix("")) for photo in split.photos]
    elif images.is_file():
        photos = [(images, Path(images.stem))]
    else:
        raise BadInput(f"{images}: no such folder, photo or COCO file.")
    if not photos:
        raise BadInput(f"{images}: no photo with the suffix {', '.join(SUFFIXES)}.")
    names = [name for _, name in photos]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"{images}: two photos are called {twice} but for their suffix. Rename one.")
    return sorted(photos, key=lambda photo: str(photo[1]))


def predict_files(
    ensemble_dir: Path,
    images: Path,
    out: Path,
    overlays: bool = False,
    progress: Callable[[int, int], None] | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> int:
    """Write `NAME.png`, a label map at the photo's own size, for every photo; those already there are kept.

    Args:
        overlays: also write `NAME.overlay.jpg`, the photo with coloured labels.
        max_megapixels: larger photos, in 10^6 px, are refused.

    Returns:
        Number of photos predicted now.

    Raises:
        BadInput: the ensemble or a photo cannot be used.
    """
    from trashseg_core.inference.overlay import draw_overlay

    ensemble = read_ensemble(ensemble_dir)
    photos = find_photos(images)
    left = [(path, name) for path, name in photos if not (out / f"{name}.png").is_file()]
    if not left:
        return 0
    out.mkdir(parents=True, exist_ok=True)
    (out / "classes.json").write_text(json.dumps(dict(enumerate(ensemble.class_names)), indent=2), encoding="utf-8")
    members = load_members(ensemble_dir, ensemble)
    predicted = predict_photos(members, [(path, None) for path, _ in left], max_megapixels)
    for done, ((_, name), (rgb, labels)) in enumerate(zip(left, predicted, strict=True), 1):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        if overlays:
            _save(out / f"{name}.overlay.jpg", draw_overlay(rgb, labels))
        _save(out / f"{name}.png", labels)  # last: its presence says that the photo is done
        if progress:
            progress(done, len(left))
    return len(left)


def _save(path: Path, array: np.ndarray) -> None:
    temporary = path.with_name(f".{path.name}")
    with open(temporary, "wb") as stream:
        Image.fromarray(array).save(stream, format="PNG" if path.suffix == ".png" else "JPEG", quality=90)
    os.replace(temporary, path)
